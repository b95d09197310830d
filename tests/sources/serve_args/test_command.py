"""Words that are a command, and words that are a model and its flags."""

from __future__ import annotations

import pytest

from vllm_costmeter.sources.serve_args.command import is_command
from vllm_costmeter.sources.shell.typed import typed_servers


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
    (server,) = typed_servers(words.split())
    assert [word.text for word in server.words] == ["M", "-tp", "2"]
    assert not server.is_module


def test_the_module_form_names_the_model_by_flag() -> None:
    """`python -m vllm.entrypoints.openai.api_server --model M`."""
    words = ["python3", "-m", "vllm.entrypoints.openai.api_server", "--model", "M"]
    assert is_command(words)
    (server,) = typed_servers(words)
    assert [word.text for word in server.words] == ["--model", "M"]
    assert server.is_module


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
def test_another_program_is_a_command_that_starts_no_server(words: str) -> None:
    """It is never taken for a model."""
    assert is_command(words.split())
    assert typed_servers(words.split()) == []
