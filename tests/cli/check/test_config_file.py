"""`costmeter check` of a --config file: what applies, and where a fault in it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from checkpoint_files import write_checkpoint

from vllm_costmeter.cli.main import main

MODELS = Path(__file__).resolve().parents[2] / "data" / "models"
LLAMA_8B = str(MODELS / "meta-llama__Llama-3.1-8B-Instruct")
VERSION = ("--vllm-version", "0.32.0")
ADA = ("--gpu", "RTX 4090", *VERSION)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A checkpoint of 0.7 GiB."""
    write_checkpoint(tmp_path / "model")
    return tmp_path / "model"


def fault(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line of a bad input."""
    assert main(["check", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


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
        ("max-model-len: lots\n", "serve.yaml:1: --max-model-len: must be"),
        ("seed: 1\ntensor-paralel-size: 2\n", "serve.yaml:2: --tensor-paralel-size: not a flag of vLLM"),
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


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("model: ${MODEL}\n", 1, "${MODEL} is a placeholder for --model"),
        ("model: m\n\nmax-model-len: $LEN\n", 3, "$LEN is a placeholder for --max-model-len"),
        (
            "model: m\nmax-model-lenn: 3\n",
            2,
            "--max-model-lenn: not a flag of vLLM 0.32.0; nearest: --max-model-len",
        ),
        ("model: m\ngpu-memory-utilization: 90\n", 2, "must be above 0"),
        ("- model\n", 1, "must be a mapping"),
        ("model: {{ .Values.model }}\n", 1, "an unrendered template"),
    ],
)
def test_a_fault_of_a_config_file_names_its_line(
    content: str, line: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """File and line, exit 2, and an annotation beside the line under --format github."""
    file = tmp_path / "serve.yaml"
    file.write_text(content)
    said = fault(capsys, *ADA, "--", "vllm", "serve", "--config", str(file))
    assert said.startswith(f"costmeter: {file}:{line}: ")
    assert says in said
    assert main(["check", *ADA, "--format", "github", "--config", str(file)]) == 2
    assert capsys.readouterr().out.startswith(f"::error file={file},line={line},")


def test_an_open_value_that_the_command_gives_decides_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command's own model goes before the file's placeholder."""
    file = tmp_path / "serve.yaml"
    file.write_text("model: ${MODEL}\nmax-model-len: 1024\n")
    assert main(["check", *ADA, "--", "vllm", "serve", LLAMA_8B, "--config", str(file)]) == 0
    assert "--max-model-len 1024" in capsys.readouterr().out


def test_what_vllm_passes_over_is_a_note(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`vllm serve` leaves out `key: false`; only where the flag is on by default does that change anything."""
    file = tmp_path / "serve.yaml"
    file.write_text("max-model-len: 1024\nenforce-eager: false\nenable-prefix-caching: false\n")
    words = ["check", "--gpu", "L4", *VERSION, "--format", "json", "--", "vllm", "serve", str(model)]
    assert main([*words, "--config", str(file)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["engine"]["enable_prefix_caching"] is not False
    said = f"{file}:3: vLLM passes over enable-prefix-caching: false; --no-enable-prefix-caching turns it off"
    assert [note for note in found["notes"] if "passes over" in note] == [said]
