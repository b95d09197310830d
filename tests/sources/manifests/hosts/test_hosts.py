"""Scripts, units, quadlets and SkyPilot tasks: which servers they start, on which GPUs."""

from __future__ import annotations

import textwrap

import pytest
from manifests import words

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.manifests.place import NoServerError
from vllm_costmeter.sources.manifests.read import servers_of
from vllm_costmeter.sources.manifests.server import DeclaredServer


def servers(text: str, name: str) -> list[DeclaredServer]:
    return servers_of(textwrap.dedent(text).lstrip("\n").encode(), name)


def test_a_slurm_script_asks_for_gpus() -> None:
    """Per node, with their name."""
    (server,) = servers(
        """
        #!/bin/bash
        #SBATCH --nodes=2
        #SBATCH --gres=gpu:h200:4
        srun vllm serve o/m -tp 4 -pp 2
        """,
        "job.sbatch",
    )
    assert (server.name, words(server), server.gpus, server.gpu_names) == (
        "script job.sbatch",
        "o/m -tp 4 -pp 2",
        8,
        ("H200 SXM",),
    )
    assert (server.place.line, server.gpus_line) == (4, 3)


def test_servers_in_the_background_run_beside_each_other() -> None:
    """On the GPUs that CUDA_VISIBLE_DEVICES gives each; one in another branch, or after `wait`, does not."""
    text = """
        CUDA_VISIBLE_DEVICES=0 vllm serve o/one &
        CUDA_VISIBLE_DEVICES=1 vllm serve o/two &
        wait
        vllm serve o/three
    """
    first, second, third = servers(text, "run.sh")
    assert (first.devices, second.devices) == (("0",), ("1",))
    assert first.machine == second.machine == "run.sh"
    assert third.machine != first.machine
    assert [server.name for server in (first, third)] == [
        "script run.sh, server 1",
        "script run.sh, server 3",
    ]


def test_containers_of_a_script_get_the_gpus_that_they_name() -> None:
    """By number, by count, and by device; none stated is not guessed."""
    found = servers(
        """
        docker run -d --gpus '"device=1,3"' vllm/vllm-openai --model o/a -tp 2
        docker run -d --gpus 1 vllm/vllm-openai --model o/b
        podman run -d --device nvidia.com/gpu=2 vllm/vllm-openai --model o/c
        docker run -d vllm/vllm-openai --model o/d
        """,
        "run.sh",
    )
    assert [server.devices for server in found] == [("1", "3"), ("0",), ("2",), ()]


def test_a_script_that_starts_none_says_so() -> None:
    """Not that it is bad YAML."""
    with pytest.raises(NoServerError, match=r"no container starts `vllm serve` among script a\.sh"):
        servers("#!/bin/sh\nset -e\necho hello\n", "a.sh")


UNIT = """
    [Unit]
    Description=vLLM

    [Service]
    Environment="CUDA_VISIBLE_DEVICES=1" MODEL=o/m
    # a comment
    ExecStart=-/opt/venv/bin/vllm serve ${MODEL} \\
      --max-model-len 8192
"""


def test_a_unit_of_systemd() -> None:
    """Its variables, its continuation lines, and the GPU that it sees."""
    (server,) = servers(UNIT, "vllm.service")
    assert (server.name, words(server), server.devices) == (
        "unit vllm.service",
        "o/m --max-model-len 8192",
        ("1",),
    )
    assert server.place.line == 7


def test_a_unit_that_runs_a_script_is_not_read() -> None:
    """What the script starts is not in the file."""
    (server,) = servers("[Service]\nExecStart=/opt/start-vllm.sh\n", "vllm.service")
    assert "runs /opt/start-vllm.sh" in (server.not_read or "")


def test_a_quadlet_of_podman() -> None:
    """Image, command and device; the image states the release."""
    (server,) = servers(
        """
        [Container]
        Image=docker.io/vllm/vllm-openai:v0.32.0
        Exec=--model o/m --max-model-len 4096
        AddDevice=nvidia.com/gpu=1
        """,
        "vllm.container",
    )
    assert words(server) == "--model o/m --max-model-len 4096"
    assert (server.image, server.gpus, server.devices) == ("docker.io/vllm/vllm-openai:v0.32.0", 1, ("1",))


@pytest.mark.parametrize(
    ("accelerators", "expected"),
    [
        ("{H100: 8, L40S: 2}", [("H100:8", 8), ("L40S:2", 2)]),
        ("L4:1", [("L4:1", 1)]),
        ("{L4, A10G}", [("L4:1", 1), ("A10G:1", 1)]),
        ("['A100-80GB:2', L4]", [("A100-80GB:2", 2), ("L4:1", 1)]),
    ],
)
def test_a_skypilot_task_on_each_of_its_accelerators(
    accelerators: str, expected: list[tuple[str, int]]
) -> None:
    """The number of GPUs is in the command too."""
    found = servers(
        f"""
        resources: {{accelerators: {accelerators}}}
        envs: {{MODEL: o/m}}
        run: |
          echo start
          vllm serve $MODEL --tensor-parallel-size $SKYPILOT_NUM_GPUS_PER_NODE
        """,
        "task.yaml",
    )
    assert [(server.name.removeprefix("SkyPilot task on "), server.gpus) for server in found] == expected
    assert words(found[0]) == f"o/m --tensor-parallel-size {expected[0][1]}"


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("FROM vllm/vllm-openai\nCMD vllm serve m\n", "Dockerfile", "a Dockerfile: check its command"),
        ("replicaCount: 1\nimage: {repository: x}\n", "values.yaml", "looks like a values file of Helm"),
        ("apiVersion: v2\nname: a\nversion: 1.0.0\n", "Chart.yaml", "a chart's description"),
        ("resources: [a.yaml]\n", "kustomization.yaml", "kustomize build"),
        ("model: o/m\nmax-model-len: 8192\n", "config.yaml", "costmeter check --config FILE"),
        ("architectures: [A]\nmodel_type: a\n", "x.yaml", "looks like a model's config.json"),
        ("on: push\njobs: {a: {}}\n", "ci.yaml", "a workflow of GitHub Actions"),
        ("# Serving\nUse `vllm: serve`\n- a\n", "README.md", "a text: check its command"),
    ],
)
def test_any_other_text_is_named_with_what_to_do(text: str, name: str, says: str) -> None:
    """One line that says what it is and how to check what it stands for."""
    with pytest.raises(BadInputError) as caught:
        servers(text, name)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pinned_release_decides_the_rules() -> None:
    """What a script installs is the vLLM that it starts."""
    (server,) = servers("pip install 'vllm[audio]==0.17.1'\nvllm serve o/m\n", "run.sh")
    assert server.release == "0.17.1"


def test_a_server_of_a_script_that_cannot_be_told_is_not_read() -> None:
    """With its line and beside the others."""
    first, second = servers(
        'vllm serve o/a &\nC="vllm serve o/b"; [ -f x ] && C+=" --enforce-eager"\neval $C\n', "run.sh"
    )
    assert (words(first), first.not_read, second.place.line) == ("o/a", None, 3)
    assert "runs $C" in (second.not_read or "")
