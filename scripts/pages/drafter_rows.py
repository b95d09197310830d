"""The drafters of docs/coverage.md: heads with a checkpoint of their own, and prediction layers of models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from scripts.pages.recorded import config_of, lines, words_of
from vllm_costmeter.sources.model_config.families.drafters.registry import HEADS, PREDICTION_LAYERS
from vllm_costmeter.sources.model_config.families.registry import ARCHITECTURES, family_of


def drafter_rows(found: Mapping[str, set[str]]) -> Iterator[str]:
    heads: dict[str, list[str]] = defaultdict(list)
    for name in sorted(HEADS):
        heads[words_of(found.get(name, ()))].append(name)
    for words, names in sorted(heads.items(), reverse=True):
        yield f"| {', '.join(names)} | a checkpoint of its own | {words} |"
    asked = {str(config_of(line)["architectures"][0]) for line in lines("drafters_vllm_0.32.jsonl")}
    for name, targets in PREDICTION_LAYERS.items():
        known = [
            target
            for target in targets
            if target in ARCHITECTURES and family_of(target).prediction is not None
        ]
        if known:
            words = "oracle" if asked & set(known) else "code"
            yield f"| {name} | layers of {', '.join(known)} | {words} |"
