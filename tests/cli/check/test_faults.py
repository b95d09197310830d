"""Bad input of `costmeter check`: one line that says what to do, and exit 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vllm_costmeter.cli.main import main

MODELS = Path(__file__).resolve().parents[2] / "data" / "models"
LLAMA_8B = str(MODELS / "meta-llama__Llama-3.1-8B-Instruct")
ADA = ("--gpu", "RTX 4090", "--vllm-version", "0.32.0")


def fault(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line of a bad input."""
    assert main(["check", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--gpu", "RTX 4091"], "unknown GPU 'RTX 4091'; nearest: RTX 4090"),
        (["--gpu", "RTX 4090:0"], "RTX 4090:0"),
        (["--gpu", ""], "GPU"),
        (["--gpu-memory-gib", "-3"], "--gpu-memory-gib must be"),
        (["--gpu-memory-gib", "nan"], "--gpu-memory-gib must be"),
        (["--gpu-memory-gib", "1e-300"], "--gpu-memory-gib must be at least"),
        ([*ADA, "--speculative-config", "[" * 100_000], "--speculative-config must be a JSON object"),
        (
            [*ADA, "--speculative-config", '{"method": "ngram", "num_speculative_tokens": "x"}'],
            "num_speculative_tokens must be a whole number",
        ),
        ([*ADA, "--speculative-config", '{"method": ["mtp"]}'], "method of speculative_config must be text"),
        ([*ADA, "--max-modl-len", "3"], "unknown flag --max-modl-len; nearest: --max-model-len"),
        ([*ADA, "--max-model-len", "many"], "--max-model-len must be a whole number"),
        ([*ADA, "--max-model-len", "0"], "--max-model-len must be between 1"),
        ([*ADA, "--gpu-memory-utilization", "90"], "--gpu-memory-utilization must be above 0 and at most 1"),
        ([*ADA, "--max-num-seqs"], "--max-num-seqs needs a value"),
        ([*ADA, "--format", "xml"], "--format must be one of 'text', 'json', 'github', got 'xml'"),
        (["--gpu", "RTX 4090", "--vllm-version", "latest"], "vLLM version 'latest' is not a version"),
        (
            [*ADA, "--max-num-seqs", "512", "--max-num-batched-tokens", "64"],
            "must not be below --max-num-seqs",
        ),
        ([*ADA, "--", "vllm", "bench", "serve"], "not a server command"),
        ([*ADA, "--config", "serve.yaml"], "--config serve.yaml: cannot be read"),
        ([*ADA, "--dtype", "int3"], "int3"),
        (
            ["--gpu", "RTX 4090:2", "-tp", "4", "-pp", "2"],
            "--tensor-parallel-size 4 x --pipeline-parallel-size 2 needs 8 GPUs, but 'RTX 4090:2' names 2",
        ),
        ([*ADA, "--nnodes", "two"], "--nnodes must be a whole number"),
        ([*ADA, "--kv-cache-dtype", "fp3"], "fp3"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was given, what is allowed, no traceback."""
    assert says in fault(capsys, LLAMA_8B, *words)


def test_no_model_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """It says what to give."""
    assert "no model" in fault(capsys, *ADA)


@pytest.mark.parametrize(
    "elsewhere",
    [
        ["--nnodes", "2"],
        ["-n=2"],
        ["--data-parallel-address", "10.0.0.1"],
        ["--data-parallel-size-local", "1"],
        ["--distributed-executor-backend", "ray"],
    ],
)
def test_ranks_on_other_machines_contradict_no_count(
    elsewhere: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The count is of one node; one node, or processes of this machine, are the whole."""
    words = ["check", LLAMA_8B, "--gpu", "RTX 4090:2", "--vllm-version", "0.32.0", "-tp", "4"]
    assert main([*words, *elsewhere, "--max-model-len", "4096"]) == 0
    capsys.readouterr()
    assert main([*words, "--nnodes", "1", "--distributed-executor-backend", "mp"]) == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ('{"architectures": ["LlamaFor', "JSON"),
        ("not json", "JSON"),
        ("[1, 2]", "object"),
        ('{"architectures": ["LlamaForCausalLM"], "hidden_size": "big"}', "hidden_size"),
        ('{"architectures": ["LlamaForCausalLM"], "hidden_size": -1}', "hidden_size"),
        (r'{"architectures": ["\ud800"]}', "no class's name"),
        (r'{"architectures": ["\u001b[31mRed"]}', "no class's name"),
        (json.dumps({"architectures": ["A" * 1_000_000]}), "no class's name"),
    ],
)
def test_a_bad_config_is_one_line(
    content: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Empty, cut off, no JSON, a list, text for a number, a negative size."""
    file = tmp_path / "config.json"
    file.write_text(content)
    assert says in fault(capsys, str(file), *ADA)


def test_a_file_that_is_none_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe nobody writes to, a folder, a link to itself: said at once, none is waited for."""
    for name, make in (
        ("pipe", os.mkfifo),
        ("folder", os.mkdir),
        ("loop", lambda path: path.symlink_to(path)),
    ):
        folder = tmp_path / name
        folder.mkdir()
        make(folder / "config.json")
        assert "config.json" in fault(capsys, str(folder), *ADA)
        assert "config.json" in fault(capsys, str(folder / "config.json"), *ADA)


def test_a_checkpoint_without_tensors_is_not_weightless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty header is a download that failed, not a model of no bytes."""
    (tmp_path / "config.json").write_text(Path(LLAMA_8B, "config.json").read_text())
    (tmp_path / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    assert "contain no tensors" in fault(capsys, str(tmp_path), *ADA)


def test_a_folder_whose_name_is_no_text_is_checked(tmp_path: Path) -> None:
    """A name in another encoding is printed as well as it can be."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    (folder / "config.json").write_text(Path(LLAMA_8B, "config.json").read_text())
    words = [
        sys.executable,
        "-m",
        "vllm_costmeter.cli.main",
        "check",
        folder,
        *ADA,
        "--max-model-len",
        "8192",
    ]
    done = subprocess.run(words, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_size_beyond_reason_ends_the_search(capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error's 10^15 GPUs are refused at once, with sizes that exist."""
    assert main(["check", LLAMA_8B, *ADA, "--tensor-parallel-size", str(10**15)]) == 1
    assert "--tensor-parallel-size 32" in capsys.readouterr().out


def test_a_model_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The path is shown."""
    assert "/no/such/model" in fault(capsys, "/no/such/model", *ADA)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([LLAMA_8B, "--gpu", ""], "'' names no GPU"),
        (["", "--gpu", "RTX 4090"], "the model's name is empty"),
    ],
)
def test_an_unset_variable_of_a_script_is_bad_input(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--gpu "$GPU"` must not fall back to the GPUs of the build machine, nor "$MODEL" to this folder."""
    assert main(["check", *words]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("model: ${MODEL}\n", 1, "${MODEL} is a placeholder for --model"),
        ("model: m\n\nmax-model-len: $LEN\n", 3, "$LEN is a placeholder for --max-model-len"),
        ("model: m\nmax-model-lenn: 3\n", 2, "unknown flag --max-model-lenn; nearest: --max-model-len"),
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


SECRET = "hf_OfNobody"


@pytest.mark.parametrize(
    "words",
    [
        [LLAMA_8B, "--hf-tokn", SECRET],
        [LLAMA_8B, f"--api-kye={SECRET}"],
        [LLAMA_8B, "--api-key", SECRET, "--max-model-len", "x"],
        ["--", f"HF_TOKEN={SECRET}"],
        ["--", "env", f"HF_TOKEN={SECRET}", "serve"],
        ["--", f"HF_TOKEN={SECRET} vllm serv {LLAMA_8B}"],
        [f"HF_TOKEN={SECRET} vllm serv {LLAMA_8B}"],
        [f"https://user:{SECRET}@huggingface.co/organisation/name"],
        [f"https://huggingface.co/organisation/name?token={SECRET}"],
    ],
)
def test_no_error_repeats_a_token(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever it was typed: one line, exit 2, without it."""
    assert SECRET not in fault(capsys, *ADA, *words)


def test_a_fault_of_the_flags_is_an_annotation_too(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipeline shows why the check did not run, not only that."""
    assert main(["check", LLAMA_8B, *ADA, "--format", "github", "--max-modl-len", "3"]) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith("::error title=costmeter::unknown flag --max-modl-len; nearest: ")
    assert printed.out.count("\n") == printed.err.count("\n") == 1
