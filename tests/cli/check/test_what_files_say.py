"""What a deployment file says and the command line does not: another GPU, another kind of file, a --config unread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from manifests import deployment

from vllm_costmeter.cli.main import main

VERSION = ("--vllm-version", "0.32.0")


def notes(file: Path, gpu: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The notes on the one server of a file, checked on a GPU."""
    main(["check", str(file), *VERSION, "--gpu", gpu, "--format", "json"])
    (found,) = json.loads(capsys.readouterr().out)["checks"]
    assert found["gpu"]["name"] == gpu
    return "\n".join(found["notes"])


def test_a_gpu_of_the_command_line_is_said_to_differ_from_the_files(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--gpu goes before the node selector, and a note names the GPU that the file asks for."""
    file = deployment(tmp_path, f"[{model}]")
    assert "the file names L4: checked on T4" in notes(file, "T4", capsys)
    assert "the file names" not in notes(file, "L4", capsys)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Dockerfile", "a Dockerfile: check its command"),
        ("main.tf", "a file in HCL: check its command"),
        ("vllm.nomad", "a file in HCL: check its command"),
        ("serve.py", "a Python program: check its command"),
        ("values.toml", "a file of settings: check its command"),
    ],
)
def test_a_file_of_another_kind_says_what_it_is(
    name: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As MODEL and behind --file alike, in one line."""
    file = tmp_path / name
    file.write_text('FROM vllm\nresource "x" "y" {}\n')
    for words in ([str(file)], ["--file", str(file)]):
        assert main(["check", *words, "--gpu", "L4"]) == 2
        assert says in capsys.readouterr().err


def test_a_config_in_one_word_names_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """vLLM looks for `--config FILE` as two words, and the line says so where the model stands in that file."""
    assert main(["check", str(deployment(tmp_path, "[--config=/etc/vllm.yaml]")), *VERSION]) == 2
    assert "names no model: vLLM does not read" in (error := capsys.readouterr().err)
    assert "as two words" in error


def test_a_typed_command_with_an_image_for_other_hardware_is_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`docker run` of an image for Intel's GPUs is no more judged on the GPU of --gpu than a file with it."""
    command = ["docker", "run", "--gpus", "all", "intel/vllm:0.10.2-xpu", "--model", "Qwen/Qwen3-8B"]
    assert main(["check", "--gpu", "L40S", "--", *command]) == 3
    assert "is vLLM for XPU" in capsys.readouterr().err
