"""Servers of one script: which run at the same time, on the same GPUs."""

from __future__ import annotations

import contextlib

import pytest
from manifests import pod, read

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.manifests.read import servers_of

A, B = "vllm serve o/one --max-model-len 4096", "vllm serve o/two"


def machines(script: str) -> list[str | None]:
    """The machine of each server of a script."""
    return [server.machine for server in servers_of(f"#!/bin/bash\n{script}\n".encode(), "run.sh")]


@pytest.mark.parametrize(
    "script",
    [
        f"{A} &\n{B} &\nwait",
        f"{A} & {B} & wait",
        f'tmux new-session -d -s a "{A}"\ntmux new-session -d -s b "{B}"',
        f"{A} \\\n  --port 8001 &\nwhile ! curl -s x; do kill -0 $! || exit 1; done\n{B} &\nwait",
        f"{A} &\n# wait for it, or kill it\ntrap 'kill $PID' EXIT\n{B} &",
        f"{A} &\nkill -l\n{B} &",
        f"{A} &\nP=$!\nif ! ready; then kill $P; exit 1; fi\n{B} &",
        f"{A} &\ncleanup() {{\n  kill $P\n}}\n{B} &",
        "start() { vllm serve $1 & }\nstart o/one\nstart o/two\nwait",
        f'ONE="{A}"\nTWO=({B})\nbash -c "$ONE" &\n"${{TWO[@]}}" &\nwait',
        f'ONE="\n{A} \\\n  --port 1"\nTWO="\n{B}"\nbash -c "$ONE" &\nbash -c "$TWO" &\nwait',
        "start() {\n  vllm serve $1\n}\nstart o/one &\nstart o/two &\nwait",
        "for m in o/one o/two; do\n  vllm serve $m &\ndone\nwait",
        "docker run -d --gpus all --name a vllm/vllm-openai o/one\ndocker rm -f b\n"
        "docker run -d --gpus all --name b vllm/vllm-openai o/two",
    ],
)
def test_servers_that_a_script_leaves_running_meet(script: str) -> None:
    """The second finds what the first one holds: background, tmux, functions, loops, and a stop of something else."""
    first, second = machines(script)
    assert first == second


@pytest.mark.parametrize(
    "script",
    [
        f"{A}\n{B}",
        f"{A}; {B} &",
        f"{A} &\nwait\n{B} &",
        f"{A} &\nbench\nkill $!\n{B} &",
        f"{A} &\nbench\npkill -f vllm\n{B} &",
        f"{A} &\nbench\nsudo killall python3\n{B} &",
        f"{A} &\nbench\npgrep python3 | xargs -r kill -9\n{B} &",
        f"{A} &\nbench\nfuser -k /dev/nvidia0\n{B} &",
        f"{A} &\nbench\ndocker compose -f x.yml down\n{B} &",
        f'if [ "$MODE" = big ]; then {A} &\nelse {B} &\nfi\nwait',
        "for m in o/one o/two; do\n  vllm serve $m &\n  until curl x; do sleep 1; done\n  kill $!; wait\ndone",
        "start() { vllm serve $1 & }\nstart o/one; bench; pkill -f vllm\nstart o/two; bench; pkill -f vllm",
        "docker run -d --name v vllm/vllm-openai o/one\ndocker rm -f v\ndocker run -d --name v vllm/vllm-openai o/two",
    ],
)
def test_a_server_after_another_does_not_meet_it(script: str) -> None:
    """One that starts once the first has ended, was stopped, or instead of it, finds the GPU empty."""
    first, second = machines(script)
    assert first != second


def test_two_servers_of_one_container_take_the_same_gpu() -> None:
    """A container with one GPU shows it to all that its script starts in the background."""
    script = "command: [bash, -c]\nargs:\n- |\n  vllm serve o/one &\n  vllm serve o/two &\n  wait -n\n"
    first, second = read(pod(f"{script}resources: {{limits: {{nvidia.com/gpu: 1}}}}\n"))
    assert first.machine == second.machine is not None
    assert first.devices == second.devices == ("0",)


def test_containers_with_gpus_of_their_own_do_not_meet() -> None:
    """Kubernetes gives each container GPUs that no other has."""
    limits = "resources: {limits: {nvidia.com/gpu: 1}}"
    one = f"{{name: a, command: [vllm, serve, o/one], {limits}}}"
    first, second = read(f"kind: Pod\nspec: {{containers: [{one}, {one.replace('name: a', 'name: b')}]}}\n")
    assert first.machine != second.machine


def test_a_program_without_words_ends_nothing() -> None:
    """An input that a fuzzer found: an image without a command, between two servers."""
    script = f"{A} &\ndocker run -| '\"device=0,1\"' -e X=1 img vllm serve m\n{B} &\nwait"
    assert len(machines(script)) >= 2


def test_a_hostile_script_is_answered() -> None:
    """Long lines of what is looked for, and functions without an end: read once, so that it ends."""
    for filler in (
        "tmux new " * 20_000,
        "a() {\n" * 20_000,
        ";kill" * 20_000,
        "(" + " " * 50_000,
        "do " * 20_000,
    ):
        with contextlib.suppress(BadInputError):
            machines(f"{A} &\n: '{filler}'\n" * 3)


TWO = "[bash, -c, 'vllm serve o/one & vllm serve o/two & wait']"


@pytest.mark.parametrize(
    "text",
    [
        "kind: DynamoGraphDeployment\nmetadata: {name: d}\nspec: {services: {W: {extraPodSpec: {mainContainer: "
        f"{{command: {TWO}, resources: {{limits: {{nvidia.com/gpu: 1}}}}}}}}}}}}}}\n",
        "kind: ServingRuntime\nmetadata: {name: r}\nspec: {supportedModelFormats: [{name: vLLM}], containers: "
        f"[{{name: kserve-container, image: v, command: {TWO}, resources: {{limits: {{nvidia.com/gpu: 1}}}}}}]}}\n"
        "---\nkind: InferenceService\nmetadata: {name: i}\n"
        "spec: {predictor: {model: {modelFormat: {name: vLLM}, runtime: r, storageUri: 'hf://o/m'}}}\n",
    ],
)
def test_every_server_of_an_operators_container_has_an_answer(text: str) -> None:
    """The second server of a container of Dynamo or KServe is never passed over, and meets the first."""
    first, second = read(text)
    assert [each.words[0].text for each in (first, second)] == ["o/one", "o/two"]
    assert first.machine == second.machine is not None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[Container]\nImage=v\nExec=bash -c 'vllm serve o/one & vllm serve o/two & wait'\n", "v.container"),
        (
            f"image: {{repository: v, command: {TWO}}}\nresources: {{limits: {{nvidia.com/gpu: 1}}}}\n",
            "values.yaml",
        ),
        (
            "kind: LLMInferenceService\nmetadata: {name: l}\nspec: {model: {uri: 'hf://o/m'}, template: "
            f"{{containers: [{{name: main, command: {TWO}}}]}}}}\n",
            "service.yaml",
        ),
    ],
)
def test_several_servers_where_one_is_read_are_said(text: str, name: str) -> None:
    """A quadlet, a chart's values and an LLMInferenceService stand for one server: more are not read."""
    (server,) = servers_of(text.encode(), name)
    assert "starts 2 servers" in (server.not_read or "")
