"""`costmeter check` of a whole command, through the real command."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from checkpoint_files import write_checkpoint

from vllm_costmeter.cli.main import main

VERSION = ("--vllm-version", "0.32.0")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A checkpoint of 0.7 GiB."""
    write_checkpoint(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("behind", [["--"], []])
@pytest.mark.parametrize(
    "text",
    [
        "HF_TOKEN=hf_secret vllm serve {} \\\n  --max-model-len 1024 \\\n  --port 80",
        "cd /srv && exec nohup vllm serve {} --max-model-len=1024 2>&1 | tee log",
        "python3 -m vllm.entrypoints.openai.api_server --model {} --max-model-len 1024 > log 2>&1 &",
    ],
)
def test_a_command_is_read_as_one_quoted_text(
    model: Path, capsys: pytest.CaptureFixture[str], text: str, behind: list[str]
) -> None:
    """As a script has it: prefixes, continuation lines, pipes and redirections; no token is repeated."""
    assert main(["check", "--gpu", "L4", *VERSION, *behind, text.format(shlex.quote(str(model)))]) == 0
    said = capsys.readouterr()
    assert "".join(said.out.split()).startswith("".join(f"{model} on L4".split()))  # lines break anywhere
    assert "fits: 1,024 tokens of context" in said.out
    assert "hf_secret" not in said.out + said.err
