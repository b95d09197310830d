"""Architectures that a release no longer serves, or does not yet build."""

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


BROKEN = {"InternS1ProForConditionalGeneration": (0, 32)}
"""Class -> the release whose own code stops at it: it reads `self.model_config` before it is set (interns1_pro.py of
0.32.0; 0.31.0 does not read it, 0.33.0 sets it)."""


def broken_architecture_fault(start: Start) -> Refusal | None:
    if start.release.minor != BROKEN[start.model.architecture]:
        return None
    return Refusal(
        "release",
        f"vLLM {start.release} fails in its own code for {start.model.architecture} (AttributeError: model_config); "
        "0.31 and 0.33 do not: check it with --vllm-version 0.33.0",
    )
