"""Pushing the page of `costmeter exporter` over OTLP."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import vllm_costmeter
from vllm_costmeter.exporting.exporter import Exporter
from vllm_costmeter.metering.otlp_pusher import OtlpPusher
from vllm_costmeter.outputs.otlp.exporter import OtlpExporter
from vllm_costmeter.outputs.otlp.target import interval_seconds, otlp_target

SERVICE = "costmeter-exporter"


def chosen_pusher(
    exporter: Exporter, setting: str | None, environ: Mapping[str, str], tell: Callable[[str], None]
) -> OtlpPusher | None:
    """Not started yet; None if nothing is to be pushed. BadInputError for a protocol that there is not."""
    target = otlp_target(setting, None, environ)
    if target is None:
        return None
    attributes = {"service.name": SERVICE, "service.version": vllm_costmeter.__version__}
    exporter.errors.expect(("otlp",))
    tell(f"metrics are pushed to {target.address} ({target.protocol})")
    return OtlpPusher(
        lambda: OtlpExporter(target, attributes, vllm_costmeter.__version__),
        exporter.families,
        interval_seconds=interval_seconds(environ),
        on_fault=lambda: exporter.errors.add("otlp"),
        tell=tell,
        started_unix_nanoseconds=time.time_ns(),
    )
