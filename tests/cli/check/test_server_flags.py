"""What a deployment file or a command leaves open, given beside it; what it states beside the server's flags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from checkpoint_files import write_checkpoint
from manifests import deployment

from vllm_costmeter.cli.main import main

YARN = '{"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}}'
QWEN = Path(__file__).parents[2] / "data/models/Qwen__Qwen3-1.7B"
"""Its longest context is 40,960 tokens."""
LONG = ("--max-model-len", "131072")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A checkpoint of 0.7 GiB."""
    write_checkpoint(tmp_path / "model")
    return tmp_path / "model"


def answers(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    """The JSON of each check."""
    main(["check", "--format", "json", *words])
    found = json.loads(capsys.readouterr().out)
    return found.get("checks", [found])


def fault(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The line of a bad input."""
    assert main(["check", *words]) == 2
    return capsys.readouterr().err


def test_a_variable_that_only_the_cluster_knows(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--set gives its value, and the error says so."""
    file = str(deployment(tmp_path, "[$(MODEL), --max-model-len, $(LENGTH), --port, $(PORT)]"))
    said = fault(capsys, "--file", file)
    assert "$(MODEL) is a placeholder for the model; $(LENGTH) is a placeholder for --max-model-len" in said
    assert "add --set MODEL=VALUE" in said
    (found,) = answers(capsys, "--file", file, "--set", f"MODEL={model}", "--set", "LENGTH=1024")
    assert found["engine"]["max_model_len"] == 1024
    assert "--port $(PORT) is not known, and does not change the memory" in found["notes"]
    assert "must be NAME=VALUE, got 'MODEL'" in fault(capsys, "--file", file, "--set", "MODEL")


@pytest.mark.parametrize("path", ["/models/model", "s3://bucket/models/model", "pvc://claim/model"])
def test_a_model_that_stands_elsewhere(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    """--path-map says where its folder is here, --model which model it is."""
    file = str(deployment(tmp_path, f"[{path}, --max-model-len, '1024']"))
    prefix = path.removesuffix("/model")
    said = fault(capsys, "--file", file)
    assert f"{file}:10: " in said
    assert "--path-map" in said
    assert "--model MODEL" in said
    (found,) = answers(capsys, "--file", file, "--path-map", f"{prefix}={model.parent}")
    assert (found["model"]["id"], found["verdict"]) == (str(model), "fits")
    (found,) = answers(capsys, "--file", file, "--model", str(model))
    assert (found["model"]["id"], found["engine"]["max_model_len"]) == (str(model), 1024)
    assert "--path-map must be PATH=FOLDER" in fault(capsys, "--file", file, "--path-map", "models")


def test_several_faults_of_one_file_are_all_shown(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script, a missing part, a placeholder and a value, each with its line; what can be checked is."""
    pod = "kind: Pod\nmetadata: {{name: {}}}\nspec: {{containers: [{{name: c, image: vllm/vllm-openai, {}}}]}}\n---\n"
    file = tmp_path / "pods.yaml"
    file.write_text(
        pod.format("a", """command: [sh, -c, "vllm serve 'm"]""")
        + pod.format("b", "args: [$(M)]")
        + "kind: Deployment\nmetadata: {name: c}\nspec: {}\n---\n"
        + pod.format("d", f"args: [{model}, --max-model-len, many]")
        + pod.format("e", f"args: [{model}]")
    )
    assert main(["check", "--gpu", "L4", "--file", str(file)]) == 2
    said = capsys.readouterr().out
    for line, what in (
        (3, "not valid shell"),
        (7, "$(M) is a placeholder"),
        (9, "spec.template.spec is missing"),
        (15, "must be a whole number"),
    ):
        assert f"{file}:{line}" in said
        assert what in said
    assert "Pod e, container c" in said
    assert "1 server checked, 4 errors" in said


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (
            "docker run --gpus 1 vllm/vllm-openai --model MODEL -tp 2",
            "--tensor-parallel-size 2 needs 2 GPUs; --gpus gives",
        ),
        ("CUDA_VISIBLE_DEVICES=0,1 vllm serve MODEL -tp 4", "needs 4 GPUs; CUDA_VISIBLE_DEVICES gives it 2"),
        (
            "docker run --gpus few vllm/vllm-openai --model MODEL",
            "--gpus must be all, a number or device=0,1, got 'few'",
        ),
        ("docker run --env-file no.env vllm/vllm-openai --model MODEL", "--env-file no.env: cannot be read"),
        ("vllm serve MODEL --max-model-len $LENGTH", "$LENGTH is a placeholder for --max-model-len"),
        ("vllm serve MODEL; vllm serve 'MODEL", "not valid shell"),
        ("set -e; echo vllm serve MODEL", "not a server command: 'set -e;'"),
    ],
)
def test_a_command_with_a_fault(
    model: Path, capsys: pytest.CaptureFixture[str], command: str, says: str
) -> None:
    """One line each, exit 2."""
    assert says in fault(capsys, "--gpu", "L4", "--", command.replace("MODEL", str(model)))


def test_a_command_that_starts_several_servers(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is checked, with its own flags."""
    script = f"for i in 0 1; do CUDA_VISIBLE_DEVICES=$i vllm serve {model} --max-model-len $((1024 + i)) & done; wait"
    found = answers(capsys, "--gpu", "L4", "--", script)
    assert [each["engine"]["max_model_len"] for each in found] == [1024, 1025]


def test_a_script_of_this_machine_is_run(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its arguments, after `bash` and by itself."""
    script = tmp_path / "serve.sh"
    script.write_text('#!/bin/bash\nexec vllm serve "$1" --max-model-len ${2:-512}\n')
    for start in (["bash", str(script)], [str(script)], ["sudo", "-E", "bash", str(script)]):
        (found,) = answers(capsys, "--gpu", "L4", "--", *start, str(model), "1024")
        assert found["engine"]["max_model_len"] == 1024


@pytest.mark.parametrize(
    ("release", "overrides", "verdict"),
    [
        ("0.29.0", YARN, "fits"),
        ("0.30.0", YARN, "refused"),
        ("0.32.0", YARN.replace("}}", '}, "max_position_embeddings": 131072}'), "fits"),
        ("0.32.0", '{"max_position_embeddings": 131072}', "fits"),
        ("0.32.0", "{}", "refused"),
    ],
)
def test_a_length_that_overrides_allow(
    capsys: pytest.CaptureFixture[str], release: str, overrides: str, verdict: str
) -> None:
    """YaRN stretches 40,960 four times up to vLLM 0.29; since 0.30 max_position_embeddings has to say so too."""
    words = [str(QWEN), "--gpu", "H100 SXM", "--vllm-version", release, "--hf-overrides", overrides, *LONG]
    (found,) = answers(capsys, *words)
    assert found["verdict"] == verdict
    if release == "0.30.0":
        assert any(
            "set max_position_embeddings to 131072 in --hf-overrides too; then: fits" in n
            for n in found["notes"]
        )


@pytest.mark.parametrize(
    "where",
    ["VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 vllm serve", "docker run -e VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 i --model"],
)
def test_a_variable_lets_a_longer_context_start(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    """It is judged at that length, with a note."""
    command = f"{where} {model} --max-model-len 300000"
    (found,) = answers(capsys, "--gpu", "H200 SXM", "--vllm-version", "0.32.0", "--", command)
    assert (found["engine"]["max_model_len"], found["reason"]) == (300000, None)
    assert any(
        note.startswith("VLLM_ALLOW_LONG_MAX_MODEL_LEN lets it start above") for note in found["notes"]
    )
