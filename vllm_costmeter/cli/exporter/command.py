"""`costmeter exporter`: the cost of servers that the plugin cannot enter, from their own metrics."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Container, Sequence
from functools import partial
from typing import Any

from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.cli.exporter.access import asked_of_clients, own_tls
from vllm_costmeter.cli.exporter.flags import EXAMPLES, ExporterFlags, add_flags, given_settings
from vllm_costmeter.cli.exporter.opening import (
    Discovery,
    chosen_discovery,
    chosen_ledger,
    local_gpus,
    opened_pages,
    target_settings,
    tell,
)
from vllm_costmeter.cli.exporter.page import PATH, page_routes
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.exporting.beginning import Terms
from vllm_costmeter.exporting.exporter import Exporter
from vllm_costmeter.metering.polled_target import IS_NO_ENGINE, PolledTarget
from vllm_costmeter.metering.sampler import Sampler
from vllm_costmeter.outputs.metrics.http_server import MetricsServer
from vllm_costmeter.sources.catalogue.load import parse_gpu
from vllm_costmeter.sources.files.ledger_path import check_ledger
from vllm_costmeter.sources.targets.target import (
    LOOPBACK,
    Target,
    refuse_aliases,
    target_url,
    without_doubles,
)

LONGEST_FIRST_LOOK_SECONDS = 6.0
ENDING = (signal.SIGTERM, signal.SIGINT)


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    add_flags(
        subparsers.add_parser(
            "exporter",
            usage="costmeter exporter (--target URL | --discover file FILE | --discover k8s) [options]",
            description="The cost of servers that the plugin cannot enter, read from their own metrics.",
            epilog=EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
    )


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    flags = typed(ExporterFlags, args)
    settings = partial(target_settings, given_settings(args), flags.config)
    common = settings(None)
    check_ledger(common.ledger)
    if common.gpu:
        parse_gpu(common.gpu)
    discovery = chosen_discovery(flags)
    fixed = without_doubles([Target(target_url(url), model_name=flags.model_name) for url in flags.target])
    if len(fixed) > 1:
        refuse_aliases(fixed)
    if not fixed and discovery is None:
        raise BadInputError("name a server: --target http://127.0.0.1:8000/metrics, or --discover")
    pages = opened_pages(flags)
    gpus = local_gpus() if discovery is None and len(fixed) == 1 and fixed[0].is_local else None
    exporter = Exporter(
        Terms(
            settings=settings,
            pages=pages,
            gpus=flags.gpus or (None if gpus is None else len(gpus.latest().gpus)),
            ledger=None if flags.once else chosen_ledger(common),
            gpu_source=gpus,
            interval_seconds=flags.interval,
            instances=discovery is not None or len(fixed) > 1,
        ),
        tell,
    )
    try:
        if flags.once:
            return _once(exporter, fixed, discovery)
        return _serve(flags, exporter, fixed, discovery, has_page=common.page == "on")
    finally:
        exporter.stop()
        if gpus is not None:
            gpus.close()


def _once(exporter: Exporter, fixed: Sequence[Target], discovery: Discovery | None) -> int:
    for polled in exporter.follow(_all(fixed, discovery)):
        if polled.poll() is not None:
            raise BadInputError(polled.line)
    if discovery is not None:
        exporter.discovery_up = True
    sys.stdout.write(exporter.page().decode())
    return 0


def _serve(
    flags: ExporterFlags,
    exporter: Exporter,
    fixed: Sequence[Target],
    discovery: Discovery | None,
    *,
    has_page: bool,
) -> int:
    tls, authorizations = own_tls(flags), asked_of_clients(flags, os.environ)
    try:
        server = MetricsServer(
            flags.host,
            flags.port,
            exporter.page,
            routes=page_routes(exporter) if has_page else {},
            authorizations=authorizations,
            tls=tls,
        )
    except OSError as why:
        reason = why.strerror or why
        raise BadInputError(
            f"--host {flags.host} --port {flags.port}: cannot listen there: {reason}"
        ) from None
    ending = threading.Event()
    follower = Sampler(partial(_follow, exporter, fixed, discovery), _once_each()) if discovery else None
    before = [(number, signal.signal(number, lambda *_: ending.set())) for number in ENDING]
    try:
        new = exporter.follow(_all(fixed, discovery))
        exporter.discovery_up = None if discovery is None else True
        _first_look(new, {target.url for target in fixed})
        server.start()
        exporter.start()
        host = f"[{flags.host}]" if ":" in flags.host else flags.host
        address = f"{'https' if tls else 'http'}://{host}:{server.port}"
        tell(
            f"metrics are on {address}/metrics"
            + (f", a page for people on {address}{PATH}" if has_page else "")
        )
        if flags.host not in LOOPBACK and not authorizations():
            tell(
                "everybody who reaches this port can read them; --token-file or --basic-auth-file asks who it is"
            )
        if follower is not None:
            follower.start()
        ending.wait()
    finally:
        if follower is not None:
            follower.stop()
        server.close()
        for number, handler in before:
            signal.signal(number, handler)
    return 0


def _first_look(new: Sequence[PolledTarget], fixed: Container[str]) -> None:
    """Read all at the same time, then go on; one that was named and is no engine ends the start."""
    threads = [threading.Thread(target=polled.poll, daemon=True) for polled in new if polled.name in fixed]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + LONGEST_FIRST_LOOK_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    for polled in new:
        if polled.name in fixed and polled.down in IS_NO_ENGINE:
            raise BadInputError(polled.line)
    for polled in new:
        polled.start()


def _all(fixed: Sequence[Target], discovery: Discovery | None) -> list[Target]:
    return without_doubles([*fixed, *(discovery() if discovery is not None else ())])


def _follow(exporter: Exporter, fixed: Sequence[Target], discovery: Discovery | None) -> None:
    """If the list cannot be had, the last known targets are read on."""
    try:
        targets = _all(fixed, discovery)
    except BadInputError:
        exporter.discovery_up = False
        raise
    exporter.discovery_up = True
    for polled in exporter.follow(targets):
        polled.start()


def _once_each() -> Callable[[Exception], None]:
    """Tell each kind of fault once."""
    told: set[str] = set()

    def report(fault: Exception) -> None:
        line = str(fault) if isinstance(fault, BadInputError) else f"{type(fault).__name__}: {fault}"
        if line not in told and len(told) < 20:
            told.add(line)
            tell(f"{line}; the last known targets are read on")

    return report
