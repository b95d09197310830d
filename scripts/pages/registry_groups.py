"""How much of each group of vLLM's model registry the fit check has rules for: rows of docs/coverage.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from vllm_costmeter.sources.model_config.families.drafters.registry import HEADS, PREDICTION_LAYERS
from vllm_costmeter.sources.model_config.families.registry import ARCHITECTURES, family_of

GROUPS = Path(__file__).resolve().parents[1] / "upstream" / "registry_groups.json"
"""Written by `python -m scripts.upstream.architectures`."""


def registry_rows() -> Iterator[str]:
    """A row per group of the newest release: names known, of how many, and those that are not."""
    for group, names in json.loads(GROUPS.read_text())["groups"].items():
        unknown = [name for name in names if not is_known(name)]
        yield f"| {group} | {len(names) - len(unknown)} of {len(names)} | {', '.join(unknown) or 'none'} |"


def newest_release() -> str:
    release: str = json.loads(GROUPS.read_text())["release"]
    return release


def is_known(name: str) -> bool:
    """Whether an architecture or a drafter has rules."""
    targets = PREDICTION_LAYERS.get(name, ())
    predicts = any(family_of(target).prediction is not None for target in targets if target in ARCHITECTURES)
    return predicts or name in ARCHITECTURES or name in HEADS
