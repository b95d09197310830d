"""Pushing a running server's metrics over OTLP."""

from __future__ import annotations

import atexit
import logging
import os
from typing import Any

import vllm_costmeter
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.sources.vllm.config import ServerShape, otlp_traces_endpoint
from vllm_costmeter.sources.vllm.installed import running_release

log = logging.getLogger("vllm.costmeter")

WHERE = "otlp"
"""The label of `costmeter_errors_total`."""


def push_over_otlp(
    settings: Settings, vllm_config: Any, shape: ServerShape, errors: ErrorCounts, started: int
) -> None:
    """Start pushing if an endpoint is set, ours or vLLM's for traces. Called once, by the process that charges, whose
    page has all the server's metrics. `started`: since when it counts, in Unix nanoseconds."""
    if settings.otlp is None and not otlp_traces_endpoint(vllm_config):
        return
    from vllm_costmeter.outputs.otlp.target import interval_seconds, otlp_target

    try:
        target = otlp_target(settings.otlp, otlp_traces_endpoint(vllm_config), os.environ)
    except BadInputError as why:
        log.error("costmeter: %s; metrics are not pushed over OTLP", why)
        return
    if target is None:
        return
    from vllm_costmeter.metering.otlp_pusher import OtlpPusher
    from vllm_costmeter.outputs.metrics.status_json import own_families
    from vllm_costmeter.outputs.otlp.exporter import OtlpExporter

    errors.expect((WHERE,))
    attributes = {
        "service.name": "vllm",
        "service.version": running_release().text,
        "gen_ai.request.model": shape.model_name,
    }
    pusher = OtlpPusher(
        lambda: OtlpExporter(target, attributes, vllm_costmeter.__version__),
        own_families,
        interval_seconds=interval_seconds(os.environ),
        on_fault=lambda: errors.add(WHERE),
        tell=lambda line: log.warning("costmeter: %s", line),
        started_unix_nanoseconds=started,
        is_stated=target.is_stated,
    )
    pusher.start()
    atexit.register(pusher.stop)
    log.info("costmeter: metrics are pushed to %s (%s)", target.address, target.protocol)
