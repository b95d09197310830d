"""The data of this process's page, from the meter's own thread."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.page.columns import Sample
from vllm_costmeter.metering.live_page import LivePage
from vllm_costmeter.outputs.metrics.status_json import own_families, samples_of, written_families
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.meter import ServingMeter
from vllm_costmeter.plugin.serving.page.identity import identity
from vllm_costmeter.plugin.serving.requests.attaching import attach_to_next_app, show
from vllm_costmeter.plugin.starting import boot_facts
from vllm_costmeter.plugin.starting.server_settings import chosen_settings

log = logging.getLogger("vllm.costmeter")


def ticking_with_page(meter: ServingMeter, vllm_config: Any) -> Callable[[], None]:
    """What the sampler calls once a second: the meter first, then the page's history, if there is a page."""
    try:
        wanted = chosen_settings(vllm_config.additional_config).page == "on"
    except BadInputError:
        wanted = False  # told where the price is chosen
    if not wanted:
        return meter.tick
    try:
        instance, began = identity()
        page = LivePage(lambda: _samples(meter), instance=instance, fit=_fit, started_seconds=began)
        show(page)
        attach_to_next_app()
    except Exception:
        FAULTS.add("endpoint")
        log.exception("costmeter: the live page cannot be kept; the meter runs without it")
        return meter.tick

    def tick() -> None:
        meter.tick()
        page.note()

    return tick


def _samples(meter: ServingMeter) -> list[Sample]:
    """As of the last second, without a new charge: a page costs the meter nothing."""
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if shared:
        return samples_of(written_families(Path(shared)))
    return samples_of(own_families() if meter.page is None else meter.page.latest())


@cache
def _fit() -> str | None:
    """The check before the start, as the command would print it with --format json."""
    from vllm_costmeter.outputs.check.json import to_json

    fit = boot_facts.checked()
    try:
        return None if fit is None else json.dumps(to_json(fit))
    except Exception:
        log.exception("costmeter: the page does not show the fit check")
        return None
