"""Architectures that a release no longer serves."""

from __future__ import annotations

from vllm_costmeter.core.refusals.start import Refusal, Start
from vllm_costmeter.core.release import dotted


def dropped_architecture_fault(start: Start) -> Refusal | None:
    """`_raise_for_unsupported` of vllm/model_executor/models/registry.py, with its lists of 0.17.0 to 0.33.0."""
    last = start.model.last_release
    if last is None or start.release.minor <= last[:2]:
        return None
    return Refusal(
        "release",
        f"vLLM {start.release} no longer serves {start.model.architecture}; the last release that did was "
        f"{dotted(last)}: check it with --vllm-version {dotted(last)}",
    )
