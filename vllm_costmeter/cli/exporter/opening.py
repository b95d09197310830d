"""What `costmeter exporter` opens before it begins."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vllm_costmeter.cli.exporter.access import targets_tls, towards_targets
from vllm_costmeter.cli.exporter.flags import ExporterFlags
from vllm_costmeter.core.errors import BadInputError, one_line
from vllm_costmeter.core.gpu.bounds import QUANTITIES, LeftOut
from vllm_costmeter.core.gpu.reading import GpuSource
from vllm_costmeter.core.settings.layers import PRICE_BASES
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.sources.catalogue.load import USER_FILE_VARIABLE, load_catalogue, parse_gpu
from vllm_costmeter.sources.files.ledger_path import OFF, default_ledger, unwritable
from vllm_costmeter.sources.files.settings import read_settings
from vllm_costmeter.sources.gpu.server_gpus import server_gpus
from vllm_costmeter.sources.targets.engine_pages import EnginePages
from vllm_costmeter.sources.targets.file_sd import TargetFile
from vllm_costmeter.sources.targets.http_page import HttpPages
from vllm_costmeter.sources.targets.kubernetes_pods import PodTargets
from vllm_costmeter.sources.targets.target import Target

Discovery = Callable[[], list[Target]]
LONGEST_WAIT_FOR_DRIVER_SECONDS = 3.0


def chosen_discovery(flags: ExporterFlags) -> Discovery | None:
    """Where targets come from; None: only from --target."""
    how = flags.discover
    pods = [
        name
        for name in ("k8s_selector", "k8s_namespace", "k8s_port", "k8s_api")
        if getattr(flags, name) is not None
    ]
    if pods and (how is None or how[0] != "k8s"):
        raise BadInputError(f"--{pods[0].replace('_', '-')} needs --discover k8s")
    if how is None:
        return None
    if how[0] == "file" and len(how) == 2:
        return TargetFile(Path(how[1]))
    if how == ["k8s"]:
        if not flags.k8s_selector:
            raise BadInputError(
                "--discover k8s needs --k8s-selector, such as app=vllm: which pods are engines?"
            )
        return PodTargets(
            os.environ,
            selector=flags.k8s_selector,
            namespace=flags.k8s_namespace,
            port=flags.k8s_port,
            api=flags.k8s_api,
        )
    raise BadInputError(f"--discover must be file FILE or k8s, got {' '.join(how)!r:.60}")


def target_settings(given: Mapping[str, Any], config: str | None, target: Target | None) -> Settings:
    """Of one target, or of all; its own price goes before the common one."""
    own = dict(target.settings) if target is not None else {}
    if set(PRICE_BASES) & own.keys():
        given = {key: value for key, value in given.items() if key not in PRICE_BASES}
    return read_settings(os.environ, {**given, **own}, None, config)


def opened_pages(flags: ExporterFlags) -> Callable[[Target], EnginePages]:
    """How targets are read."""
    authorization, tls = towards_targets(flags, os.environ), targets_tls(flags)

    def pages(target: Target) -> EnginePages:
        http = HttpPages(target.url, timeout_seconds=flags.timeout, authorization=authorization, tls=tls)
        return EnginePages(http, target.url)

    return pages


def gpus_of(
    target: Target | None, settings: Settings, count: int | None, errors: ErrorCounts
) -> GpuSource | None:
    """The GPUs of the only target, from this machine's driver or a dcgm-exporter; None, with one line, if none can be
    read, or if they are not as many as `--gpus` says: nobody knows which of them are the server's. A source that was
    named is kept, even if it is down now."""
    name, url = settings.gpu_source, settings.gpu_metrics_url
    if name == "none":
        return None
    is_named = name != "auto"
    if target is None or not (target.is_local or url is not None):
        if is_named or url is not None:
            where = "which is on another machine" if target else "and there may be several"
            tell(f"no GPUs are read: they would be those of a single target, {where}")
        return None
    source = server_gpus(
        None,
        source=name if target.is_local else "dcgm",
        metrics_url=url,
        left_out=_counted(errors),
    )
    deadline = time.monotonic() + LONGEST_WAIT_FOR_DRIVER_SECONDS
    while source.latest().read_monotonic_seconds is None and time.monotonic() < deadline:
        time.sleep(0.02)
    found = source.latest()
    seen = len(found.gpus)
    if seen == (count or seen) > 0:
        return source
    if seen:
        source.close()
        tell(
            f"no GPUs are read: {seen} can be seen, and --gpus says {count}; CUDA_VISIBLE_DEVICES tells which they are"
        )
        return None
    if is_named or url is not None:
        tell(f"no GPU can be read now ({found.error or 'none is listed'}); it is tried again")
        return source
    source.close()
    tell("no GPU can be seen from here, so there are no metrics of memory, power and energy")
    return None


def _counted(errors: ErrorCounts) -> Callable[[str, LeftOut], None]:
    """Impossible readings are counted as in the plugin, and each kind told once."""
    errors.expect(f"gpu_{quantity}" for quantity in QUANTITIES)
    told: set[tuple[str, str]] = set()

    def left_out(gpu: str, what: LeftOut) -> None:
        errors.add(f"gpu_{what.quantity}")
        if (gpu, what.quantity) not in told:
            told.add((gpu, what.quantity))
            tell(f"GPU {gpu}: {what.why}; discarded and counted, now and whenever it recurs")

    return left_out


def use_catalogue(settings: Settings) -> None:
    """Read the user's own rows from now on, and the GPU that was named. BadInputError if either is wrong."""
    if settings.catalogue is not None:
        os.environ[USER_FILE_VARIABLE] = settings.catalogue
        _ = load_catalogue().gpus, load_catalogue().prices
    if settings.gpu:
        parse_gpu(settings.gpu)


def chosen_ledger(settings: Settings) -> Path | None:
    """Where costs are kept; None, with one line, if nowhere."""
    given = settings.ledger
    if given == OFF:
        return None
    path = default_ledger() if given is None else Path(given).expanduser()
    why = unwritable(path)
    if why is not None:
        tell(f"no ledger is kept ({why}); --ledger PATH keeps one across restarts")
        return None
    tell(f"costs are kept in {path}; `costmeter report` adds them up")
    return path


def tell(line: str) -> None:
    """A line for people, on standard error."""
    sys.stderr.write(f"costmeter: {one_line(line)}\n")  # at once: several threads tell
    sys.stderr.flush()
