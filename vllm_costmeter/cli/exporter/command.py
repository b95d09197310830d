"""`costmeter exporter`: the cost of servers that the plugin cannot enter, from their own metrics."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.cli.exporter.access import asked_of_clients, own_tls
from vllm_costmeter.cli.exporter.flags import EXAMPLES, ExporterFlags, add_flags, given_settings
from vllm_costmeter.cli.exporter.opening import (
    Discovery,
    chosen_discovery,
    chosen_ledger,
    gpus_of,
    opened_pages,
    target_settings,
    tell,
    use_catalogue,
)
from vllm_costmeter.cli.exporter.page import PATH, page_routes
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.exporting.beginning import Terms
from vllm_costmeter.exporting.exporter import Exporter
from vllm_costmeter.exporting.otlp import chosen_pusher
from vllm_costmeter.metering.otlp_pusher import OtlpPusher
from vllm_costmeter.metering.polled_target import IS_NO_ENGINE, PolledTarget
from vllm_costmeter.metering.sampler import Sampler
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.outputs.metrics.http_server import MetricsServer, Route
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
    use_catalogue(common)
    discovery = chosen_discovery(flags)
    fixed = without_doubles([Target(target_url(url), model_name=flags.model_name) for url in flags.target])
    if len(fixed) > 1:
        refuse_aliases(fixed)
    if not fixed and discovery is None:
        raise BadInputError("name a server: --target http://127.0.0.1:8000/metrics, or --discover")
    targets = _all(fixed, discovery)
    pages = opened_pages(flags)
    several = discovery is not None or len(fixed) > 1
    errors = ErrorCounts(("exporter",))
    with ExitStack() as end:
        routes = page_routes(lambda: exporter) if common.page == "on" else {}
        server = None if flags.once else _listening(flags, lambda: exporter.page(), routes)  # noqa: PLW0108 (it is made below)
        end.callback(server.close if server else lambda: None)
        gpus = gpus_of(None if several else fixed[0], common, flags.gpus, errors)
        end.callback(gpus.close if gpus else lambda: None)
        exporter = Exporter(
            Terms(
                settings=settings,
                pages=pages,
                gpus=flags.gpus or (len(gpus.latest().gpus) if gpus else None) or None,
                ledger=None if flags.once else chosen_ledger(common),
                gpu_source=gpus,
                interval_seconds=flags.interval,
                instances=several,
            ),
            tell,
            errors,
        )
        end.callback(exporter.stop)
        exporter.discovery_up = None if discovery is None else True
        if server is None:
            return _once(exporter, targets)
        pusher = chosen_pusher(exporter, common.otlp, os.environ, tell)
        follower = discovery and Sampler(partial(_follow, exporter, fixed, discovery), _once_each())
        _serve(exporter, server, targets, fixed, [each for each in (follower, pusher) if each is not None])
    return 0


def _once(exporter: Exporter, targets: Sequence[Target]) -> int:
    for polled in exporter.follow(targets):
        if polled.poll(tells=False) is not None:
            raise BadInputError(polled.line)
    sys.stdout.write(exporter.page().decode())
    return 0


def _listening(flags: ExporterFlags, page: Callable[[], bytes], routes: Mapping[str, Route]) -> MetricsServer:
    tls, authorizations = own_tls(flags), asked_of_clients(flags, os.environ)
    try:
        server = MetricsServer(
            flags.host, flags.port, page, routes=routes, authorizations=authorizations, tls=tls
        )
    except (OSError, UnicodeError) as why:
        reason = getattr(why, "strerror", None) or why
        raise BadInputError(
            f"--host {flags.host} --port {flags.port}: cannot listen there: {reason}"
        ) from None
    if flags.host not in LOOPBACK and not authorizations():
        tell(
            "everybody who reaches this port can read the metrics; --token-file or --basic-auth-file asks who it is"
        )
    return server


def _serve(
    exporter: Exporter,
    server: MetricsServer,
    targets: Sequence[Target],
    fixed: Sequence[Target],
    beside: Sequence[Sampler | OtlpPusher],
) -> None:
    """Until a signal comes."""
    ending = threading.Event()
    before = [(number, signal.signal(number, lambda *_: ending.set())) for number in ENDING]
    try:
        _first_look(exporter.follow(targets), {target.url for target in fixed})
        exporter.start()
        server.start()
        page = f", a page for people on {server.url}{PATH}" if server.has(PATH) else ""
        tell(f"metrics are on {server.url}/metrics{page}")
        for each in beside:
            each.start()
        ending.wait()
    finally:
        for each in beside:
            each.stop()
        for number, handler in before:
            signal.signal(number, handler)


def _first_look(new: Sequence[PolledTarget], fixed: Container[str]) -> None:
    """Read all at the same time, then go on; one that was named and is no engine ends the start."""
    look = {"tells": False}
    threads = [
        threading.Thread(target=polled.poll, kwargs=look, daemon=True)
        for polled in new
        if polled.name in fixed
    ]
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
