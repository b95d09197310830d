"""Stand-ins for vLLM's VllmConfig with all that the plugin reads of one."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from vllm_costmeter.sources.vllm.touched import CONFIGURATION


def configured(**given: Mapping[str, Any] | SimpleNamespace | None) -> SimpleNamespace:
    """Each section with what is `given` of it and None for the rest. vLLM has no `speculative_config` unless asked."""
    config = SimpleNamespace(additional_config={})
    for row in CONFIGURATION:
        if row.at:
            section = vars(config).setdefault(row.at, SimpleNamespace())
            vars(section).update(dict.fromkeys(row))
    for name, values in given.items():
        section = vars(config).get(name)
        if isinstance(values, Mapping) and isinstance(section, SimpleNamespace):
            vars(section).update(values)
        else:
            setattr(config, name, values)
    if "speculative_config" not in given:
        config.speculative_config = None
    return config
