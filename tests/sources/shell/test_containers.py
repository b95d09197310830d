"""`docker run` and its kin: image, entry point, environment and GPUs of the server inside."""

from __future__ import annotations

import pytest
from shells import command_servers, lines, servers

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.shell.containers import counted_gpus


@pytest.mark.parametrize(
    ("command", "image", "words"),
    [
        ("docker run vllm/vllm-openai:v0.17.1 --model m", "vllm/vllm-openai:v0.17.1", "--model m"),
        ("docker run -it --rm -p 80:80 -v /a:/b --ipc=host -e A=1 my:1 --model m", "my:1", "--model m"),
        ("docker run -dit -p80:80 --shm-size 8g --name x ghcr.io/a/b:v1 --model m", "ghcr.io/a/b:v1", "--model m"),
        ("sudo docker run --privileged --ulimit memlock=-1 vllm/vllm-openai org/m", "vllm/vllm-openai", "org/m"),
        ("docker run team/vllm serve m", "team/vllm", "m"),
        ("docker run $IMAGE --model m", "$IMAGE", "--model m"),
        ("docker run '$IMAGE' --model m", "$IMAGE", "--model m"),
        ("docker run i vllm serve m", "i", "m"),
        ("docker run i bash -lc 'vllm serve m'", "i", "m"),
        ("docker run i bash -lc 'exec vllm serve $M' ", "i", "$M"),
        ("docker run --entrypoint vllm i serve m", "i", "m"),
        ("docker run --entrypoint=python3 i -m vllm.entrypoints.openai.api_server --model m", "i", "--model m"),
        ("docker run --entrypoint '' i vllm serve m", "i", "m"),
        ("docker run --entrypoint /bin/bash i -c 'vllm serve m'", "i", "m"),
        ("podman run --device nvidia.com/gpu=all --security-opt label=disable q.io/v/vllm:1 --model m", "q.io/v/vllm:1",
         "--model m"),
        ("nerdctl run --gpus all i --model m", "i", "--model m"),
        ("docker --context x run i --model m", "i", "--model m"),
        ("docker container run i --model m", "i", "--model m"),
        ("docker exec -it -e A=1 node bash -c 'vllm serve m'", None, "m"),
        ("docker exec node vllm serve m", None, "m"),
    ],
)  # fmt: skip
def test_the_image_is_the_first_word_behind_the_tools_own_flags(
    command: str, image: str | None, words: str
) -> None:
    """Whatever its name; a shell or another entry point is read as in a manifest."""
    (server,) = servers(command)
    assert (server.image, " ".join(word.text for word in server.words)) == (image, words)


@pytest.mark.parametrize(
    "behind",
    ["serve m", "vllm serve m", "bash -c 'vllm serve m'", "python3 -m vllm.entrypoints.openai.api_server"],
)
def test_words_behind_the_official_entry_point_are_no_server_that_starts(behind: str) -> None:
    """As in a manifest; other servers of the script are read, and with an entry point of its own so is this one."""
    refused, other = servers(f"docker run vllm/vllm-openai {behind}; vllm serve o")
    assert "starts `vllm serve` by itself" in (refused.not_read or "")
    assert (other.not_read, len(other.words)) == (None, 1)
    assert servers("docker run --entrypoint env vllm/vllm-openai vllm serve m")[0].not_read is None


@pytest.mark.parametrize(
    "command",
    [
        "docker run vllm/vllm-openai bash -c nvidia-smi",
        "docker run ubuntu nvidia-smi",
        "docker ps",
        "docker run -d redis",
        "docker exec n ls",
        "docker build -t vllm",
    ],
)
def test_another_container_starts_no_server(command: str) -> None:
    """A program of its own, or an image that is not vLLM's without a flag behind it."""
    assert servers(command) == []


@pytest.mark.parametrize(
    ("options", "gpus", "said"),
    [
        ("--gpus all", None, ""),
        ("--gpus 2", 2, "--gpus"),
        ("--gpus=1", 1, "--gpus"),
        ("--gpus device=3", 1, "--gpus"),
        ("--gpus '\"device=0,1\"'", 2, "--gpus"),
        ('--gpus \'"device=0,1,1","capabilities=compute"\'', 2, "--gpus"),
        ("--gpus count=4", 4, "--gpus"),
        ("--device nvidia.com/gpu=0 --device nvidia.com/gpu=1", 2, "--gpus"),
        ("--device nvidia.com/gpu=all", None, ""),
        ("--runtime nvidia -e NVIDIA_VISIBLE_DEVICES=0,1,2", 3, "NVIDIA_VISIBLE_DEVICES"),
        ("--gpus 4 -e CUDA_VISIBLE_DEVICES=0,1", 2, "CUDA_VISIBLE_DEVICES"),
        ("--gpus 1 -e CUDA_VISIBLE_DEVICES=0,1", 1, "--gpus"),
        ("--gpus all -e CUDA_VISIBLE_DEVICES=$NONE", None, ""),
        ("", None, ""),
    ],
)
def test_the_gpus_of_a_container(options: str, gpus: int | None, said: str) -> None:
    """A number where one is stated, and the word that states the smallest."""
    (server,) = servers(f"docker run {options} i --model m")
    assert (server.gpus, server.gpus_from) == (gpus, said)


@pytest.mark.parametrize("text", ["many", "0", "device", "-2", "1.5"])
def test_a_number_of_gpus_that_is_none(text: str) -> None:
    """One line with what is allowed."""
    with pytest.raises(BadInputError, match="--gpus must be all, a number or device=0,1"):
        counted_gpus(text)


def test_the_environment_of_a_container_is_its_own() -> None:
    """-e, --env-file and what -e NAME passes on; nothing else of the caller's."""
    (server,) = servers(
        "docker run -e A=1 --env B=2 -e C -e D --env-file v.env i --model m",
        files={"v.env": "A=no\nE=5 # kept\n#F=6\n"},
        C="3",
        X="never",
    )
    assert server.environment == {"A": "1", "B": "2", "C": "3", "E": "5 # kept"}


def test_an_env_file_that_is_not_there_is_bad_input() -> None:
    """Its variables may decide."""
    with pytest.raises(BadInputError, match=r"--env-file v\.env: cannot be read"):
        servers("docker run --env-file v.env i --model m")


def test_wrappers_before_a_container() -> None:
    """Assignments, env and sudo stand before the tool; its flags are no words of the server."""
    found = command_servers(
        "A=1", "env", "B=2", "sudo", "-E", "docker", "run", "-e", "B", "i", "--model", "m"
    )
    assert (lines(found), found[0].environment) == (["--model m"], {"B": "2"})
