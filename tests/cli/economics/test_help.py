"""The help of the commands about prices."""

from __future__ import annotations

import shlex
from itertools import pairwise

import pytest

from vllm_costmeter.cli.main import main
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.gpu.text import split_count


@pytest.mark.parametrize(
    "name",
    [
        *("cost", "matrix", "compare", "estimate", "recommend", "calibrate"),
        *("finetune", "scenarios", "gate", "gpus", "prices"),
    ],
)
def test_help_begins_with_the_question(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Which of the two GPUs, in one form or another."""
    with pytest.raises(SystemExit):
        main([name, "--help"])
    first = capsys.readouterr().out.partition("examples:\n")[2].splitlines()[0]
    assert "4090" in first
    assert "H100" in first


@pytest.mark.parametrize(
    "name",
    [
        *("cost", "matrix", "compare", "estimate", "recommend", "calibrate"),
        *("finetune", "scenarios", "gate", "gpus", "prices"),
    ],
)
def test_the_examples_of_a_help_name_known_gpus(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One GPU each, by a name that is not ambiguous."""
    with pytest.raises(SystemExit):
        main([name, "--help"])
    examples = capsys.readouterr().out.partition("examples:\n")[2].replace("\\\n", " ").splitlines()
    found = [shlex.split(line) for line in examples if line.startswith("    costmeter ")]
    named = [
        word
        for words in found
        for flag, word in pairwise(words)
        if flag in ("--gpu", "--baseline-gpu", "gpus")
    ]
    listed = [
        gpu
        for words in found
        for flag, word in pairwise(words)
        if flag == "--gpus"
        for gpu in word.split(",")
        if not gpu.isdigit() and gpu != "all"  # `finetune --gpus 8` is a count
    ]
    for gpu in [*named, *listed]:
        assert gpu.startswith("--") or find_gpu(split_count(gpu)[0])
