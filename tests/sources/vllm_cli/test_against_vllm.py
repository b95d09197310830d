"""Our reading of command lines held against the own parsers of vLLM's releases: no difference on any recorded line.

`tests/data/vllm_cli/answers.jsonl.gz` is recorded by `scripts/upstream/answers.py`. Plain runs ask about each line once per
answer that vLLM has had for it; heavy ones about each line and release, and the installed vLLM anew.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from upstream import answers as recorded_answers
from upstream.release import Release

from vllm_costmeter.sources.vllm_cli.parse import parse_serve_args
from vllm_costmeter.sources.vllm_cli.refusal import ServeArgsError

SAME = {"crash": {"value", "expected", "config file"}}
"""Refusals that vLLM makes by an error of Python rather than by a message; ours say what is wrong."""


def read_config(name: str) -> Any:
    """A file of flags beside the recorded lines; as vLLM, a fault where it is not there."""
    file = recorded_answers.FOLDER / name
    if not file.is_file():
        raise ServeArgsError("config file", f"{name}: not there")
    return yaml.safe_load(file.read_text())


def ours(words: list[str], release: str) -> dict[str, Any]:
    """Our answer, in the form of vLLM's."""
    is_module = words[:1] != ["serve"]
    major, minor, patch = (int(part) for part in release.split("."))
    try:
        found = parse_serve_args(
            words if is_module else words[1:],
            (major, minor, patch),
            is_module=is_module,
            read_config=read_config,
        )
    except ServeArgsError as refusal:
        if refusal.kind == "unknown":
            return {"refused": ["unknown", " ".join(refusal.words)]}
        if refusal.kind == "ambiguous":
            return {"refused": ["ambiguous", refusal.flag, *refusal.words]}
        flag = [refusal.flag] if refusal.kind in ("expected", "takes no value", "choice", "value") else []
        return {"refused": [refusal.kind, *flag]}
    return {"values": dict(found.values), "model": found.model}


def vllms(answer: dict[str, Any], is_module: bool) -> dict[str, Any]:
    """A recorded answer with the model that vLLM would serve, as its `serve` command picks it."""
    if "refused" in answer:
        return answer
    values = dict(answer["values"])
    tag, model = values.pop("model_tag", None), values.pop("model", None)
    return {"values": values, "model": tag if tag is not None and not is_module else model}


def is_same(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    if "refused" in expected and expected["refused"][0] == "crash":
        return "refused" in found and found["refused"][0] in SAME["crash"]
    return json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


def differences(lines: Iterator[tuple[list[str], list[tuple[str, Any]]]], *, every: bool) -> list[str]:
    """Lines on which we and vLLM differ; of equal answers in a row the last release is asked unless `every` is wanted."""
    found = []
    for words, by_release in lines:
        for number, (release, answer) in enumerate(by_release):
            following = by_release[number + 1 : number + 2]
            if not every and following and following[0][1] == answer:
                continue
            expected, got = vllms(answer, words[:1] != ["serve"]), ours(words, release)
            if not is_same(got, expected):
                found.append(f"{release} {words}: vLLM {expected}, ours {got}")
    return found


def test_every_recorded_line_is_read_as_vllm_reads_it() -> None:
    """Values, the model and the refusal are vLLM's own, once for each answer that its releases gave."""
    assert differences(recorded_answers.recorded(), every=False) == []


@pytest.mark.heavy
def test_every_recorded_line_is_read_as_each_release_reads_it() -> None:
    """The same, of every release."""
    assert differences(recorded_answers.recorded(), every=True) == []
