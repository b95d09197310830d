"""Our parser against the parsers of vLLM's releases: no difference on any recorded line.

`tests/data/vllm_cli/answers.jsonl.gz` is recorded by `scripts/upstream/answers.py`. A plain run compares each line once
per distinct answer; a heavy run compares every line with every release, and asks the installed vLLM again.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from required_tool import required_module

from scripts.upstream import answers as recorded_answers
from scripts.upstream.release_sources import Release
from vllm_costmeter.sources.vllm_cli.parse import parse_serve_args
from vllm_costmeter.sources.vllm_cli.refusal import ServeArgsError

AS_CRASH = {"value", "expected", "config file"}
"""What we say where vLLM ends with an error of Python instead of a message."""

LEFT_TO_VLLM = {
    "--attention-config": r"use_cudnn_prefill",
    "--compilation-config": r"custom_ops|inductor_passes",
    "--ec-manager-config": r"manager_config",
    "--eplb-config": r"communicator",
    "--kernel-config": r"linear_backend_per_quant",
    "--profiler-config": r".*profiler.*|proton_.*|capture_.*",
    "--structured-outputs-config": r"disable_.*",
}
"""Keys of configuration classes that vLLM checks in code of its own, against other keys or its registries. What it
refuses there, we accept; none of these keys affects memory."""


MIDDLE = 3
"""An answer with one before and one behind."""


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
    refusal = expected.get("refused", ["", ""])
    if refusal[0] == "crash":
        return "refused" in found and found["refused"][0] in AS_CRASH
    if refusal[0] == "value" and refusal[1] in LEFT_TO_VLLM and "values" in found:
        given = found["values"][refusal[1].lstrip("-").replace("-", "_")]
        return any(re.fullmatch(LEFT_TO_VLLM[refusal[1]], key) for key in given)
    return json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


def differences(lines: Iterator[tuple[list[str], list[tuple[str, Any]]]], *, every: bool) -> list[str]:
    """Lines on which we and vLLM differ. Without `every`, of equal answers in a row the first and last are compared."""
    found = []
    for words, by_release in lines:
        for number, (release, answer) in enumerate(by_release):
            beside = by_release[max(number - 1, 0) : number + 2]
            if not every and len(beside) == MIDDLE and all(other == answer for _, other in beside):
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


OLDER_ARGPARSE = sys.version_info < (3, 12, 7)
"""Reports an ambiguous abbreviation before any other fault, and reads the words below otherwise."""

READ_OTHERWISE = {"-t=2", "-hx"}


def is_told_first(answer: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether an older argparse reports another fault of the line than ours."""
    return OLDER_ARGPARSE and answer.get("refused", [""])[0] == "ambiguous" and "refused" in found


@pytest.mark.heavy
def test_the_installed_vllm_reads_the_lines_as_we_do() -> None:
    """Its parser is asked again, with the argparse of this Python."""
    vllm = required_module("vllm")
    version = vllm.__version__.partition("+")[0]
    release = Release(Path(vllm.__file__).parents[1], version, recorded_answers.FOLDER)
    asked = [words for words, _ in recorded_answers.recorded()]
    lines = [words for words in asked if not (OLDER_ARGPARSE and READ_OTHERWISE & set(words))]
    different = []
    for words, answer in zip(lines, release.parse(lines), strict=True):
        expected, found = vllms(answer, words[:1] != ["serve"]), ours(words, version)
        if not is_same(found, expected) and not is_told_first(expected, found):
            different.append(f"{words}: vLLM {expected}, ours {found}")
    assert different == []
