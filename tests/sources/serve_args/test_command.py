"""A whole command line is read as the flags of its server."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.serve_args.command import command_flags, is_command


@pytest.mark.parametrize(
    "words",
    [
        "vllm serve M -tp 2",
        "/usr/bin/vllm serve M -tp 2",
        "CUDA_VISIBLE_DEVICES=0,1 HF_HOME=/x vllm serve M -tp 2",
        "env A=b vllm serve M -tp 2",
        "vllm serve M \\ -tp 2",
        "nohup vllm serve M -tp 2",
        "sudo -E uv run vllm serve M -tp 2",
        "numactl -N 0 /venv/bin/vllm serve M -tp 2",
        "docker run --gpus all --name vllm -v /data/vllm:/data vllm/vllm-openai:v0.32.0 M -tp 2",
        "podman run ghcr.io/org/team/my-vllm@sha256:0af serve M -tp 2",
    ],
)
def test_a_server_command_leaves_model_and_flags(words: str) -> None:
    """Environment, path and line continuations are no part of the deployment."""
    assert is_command(words.split())
    assert command_flags(words.split()) == ["M", "-tp", "2"]


def test_the_module_form_names_the_model_by_flag() -> None:
    """`python -m vllm.entrypoints.openai.api_server --model M`."""
    words = ["python3", "-m", "vllm.entrypoints.openai.api_server", "--model", "M"]
    assert is_command(words)
    assert command_flags(words) == ["--model", "M"]


@pytest.mark.parametrize("words", [["M", "--gpu", "H100"], ["./vllm-model"], []])
def test_a_model_is_not_a_command(words: list[str]) -> None:
    """Only a program's name makes a command."""
    assert not is_command(words)


@pytest.mark.parametrize(
    "words",
    [
        "vllm bench serve",
        "python train.py",
        "vllm",
        "docker run ubuntu",
        "A=b",
        "env A=b c",
        "A=b vllm serv M",
    ],
)
def test_another_program_is_one_clear_line(words: str) -> None:
    """The message shows the two forms that are understood."""
    assert is_command(words.split())
    with pytest.raises(BadInputError, match="not a server command") as caught:
        command_flags(words.split())
    assert "A=b" not in str(caught.value)  # it may be a token
