"""The recorded deployments whose weights or KV cache are others in a release, and whether our rules say so too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from scripts.answers.conformance import MODELS, compare_numbers
from scripts.answers.older_releases import FILE as ANSWERS
from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.plugin.exact import ExactAnswer

COUNTS = ("weights_bytes", "bytes_per_block", "groups", "layers", "max_num_batched_tokens")


class AnswerChanges(NamedTuple):
    """Lines about deployments that differ, models that our rules get wrong, and models without an answer."""

    lines: tuple[str, ...]
    wrong: tuple[str, ...]
    missing: tuple[str, ...]


def answer_changes(old: str, new: str) -> AnswerChanges:
    """From the recorded answers of both releases."""
    found: dict[tuple[str, int], dict[str, Mapping[str, Any]]] = {}
    for line in map(json.loads, ANSWERS.read_text().splitlines()):
        release = line["answer"]["counts"]["vllm_version"].partition("+")[0]
        found.setdefault((line["model"], line["tp"]), {})[release] = line["answer"]
    lines, wrong, missing = [], [], []
    for (model, tp), by_release in found.items():
        before, after = by_release.get(old), by_release.get(new)
        if after is None:
            missing.append(model)
            continue
        differs = "; ".join(_different(before, after)) if before else f"no answer of {old} recorded"
        ours = _ours(model, tp, after)
        if differs or ours:
            told = f"; **our rules: {ours}**" if ours else ""
            lines.append(f"- {model}, TP {tp}: {differs or 'as before'}{told}")
        if ours:
            wrong.append(model)
    return AnswerChanges(tuple(lines), tuple(dict.fromkeys(wrong)), tuple(dict.fromkeys(missing)))


def _different(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in COUNTS:
        one, other = old["counts"][name], new["counts"][name]
        if one != other:
            yield f"{name} {one} -> {other}" if len(str(one)) < 40 else name
    for name in ("max_num_seqs", "backends", "capacities"):
        if old[name] != new[name]:
            yield f"{name} {_brief(old[name])} -> {_brief(new[name])}"


def _brief(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return ", ".join(f"{one.get('tokens')} tokens" for one in value)
    return str(value)


def _ours(model: str, tp: int, answer: Mapping[str, Any]) -> str:
    try:
        found = compare_numbers(MODELS / model, ParallelConfig(tp), ExactAnswer.from_json(answer)).differences
    except (BadInputError, NotUnderstoodError) as why:
        return str(why)
    return "; ".join(found[:2])
