"""`costmeter check` of a whole command and of a --config file, through the real command."""

from __future__ import annotations

import json
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


def test_a_config_file_is_read_as_vllm_reads_it(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its flags apply, the command line's go before them, and its model counts where the command names none."""
    config = tmp_path / "serve.yaml"
    config.write_text(
        f"model: {model}\nmax_model_len: 1024\nenforce-eager: true\n"
        "speculative-config: {method: ngram, num_speculative_tokens: 2}\n"
    )
    words = [
        "check",
        "--gpu",
        "L4",
        *VERSION,
        "--format",
        "json",
        "--",
        "vllm",
        "serve",
        "--config",
        str(config),
    ]
    assert main(words) == 0
    engine = json.loads(capsys.readouterr().out)["engine"]
    assert (engine["max_model_len"], engine["enforce_eager"]) == (1024, True)
    assert engine["speculative_config"] == {"method": "ngram", "num_speculative_tokens": 2}
    assert main([*words[:-2], str(model), "--config", str(config), "--max-model-len", "512"]) == 0
    assert json.loads(capsys.readouterr().out)["engine"]["max_model_len"] == 512


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max-model-len: lots\n", "serve.yaml:1: --max-model-len must be"),
        ("seed: 1\ntensor-paralel-size: 2\n", "serve.yaml:2: unknown flag --tensor-paralel-size; nearest"),
        ("- a\n", "serve.yaml:1: the file must be a mapping"),
        ("", "is empty"),
    ],
)
def test_a_fault_in_a_config_file_names_its_line(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    """File and line, exit 2."""
    (tmp_path / "serve.yaml").write_text(text)
    assert main(["check", str(model), "--gpu", "L4", "--config", str(tmp_path / "serve.yaml")]) == 2
    assert says in capsys.readouterr().err
