"""What a server knows of itself once it has started."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import vllm_costmeter
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.outputs.metrics.exposition import ServerFacts
from vllm_costmeter.plugin.serving.api_price import api_price
from vllm_costmeter.plugin.starting import boot_facts
from vllm_costmeter.sources.vllm.config import ServerShape, is_on_cpu
from vllm_costmeter.sources.vllm.installed import running_release


def server_facts(
    vllm_config: Any,
    shape: ServerShape,
    checked: Fit | None,
    settings: Settings,
    tenant_label: Callable[[str], str],
) -> tuple[ServerFacts, Callable[[], None]]:
    """The facts, and what records this start for later checks. `checked`: the fit check's prediction."""
    actual = boot_facts.actual_bytes(shape.local_gpus)
    per_engine = shape.kv_cache_capacity_tokens
    today = datetime.date.today().isoformat()
    on_cpu = is_on_cpu(vllm_config)
    facts = ServerFacts(
        model_name=shape.model_name,
        version=vllm_costmeter.__version__,
        vllm_version=running_release().text,
        preflight_bytes=boot_facts.preflight_bytes(checked, actual),
        kv_cache_capacity_tokens=None if per_engine is None else per_engine * len(shape.engine_indexes),
        api_price=api_price(settings, shape.model_name),
        tenant_label=tenant_label,
    )
    return facts, lambda: boot_facts.learn(checked, actual, today, on_cpu=on_cpu)
