"""`costmeter check` over deployment files, config files and several models, through the real command."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from checkpoint_files import write_checkpoint
from manifests import deployment

from vllm_costmeter.cli.main import main

VERSION = ("--vllm-version", "0.32.0")


def test_a_deployment_is_checked_on_its_own_gpu(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """GPU and count come from the file, and the answer names the container and its line."""
    file = deployment(tmp_path, f"[{model}, --tensor-parallel-size, '2']", gpus=2)
    assert main(["check", "--file", str(file), *VERSION, "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["checks"]
    assert (found["gpu"]["name"], found["gpu"]["count"]) == ("L4", 2)
    assert found["server"] == {"name": "Deployment llama, container vllm", "file": str(file), "line": 10}
    assert found["provenance"]["weights"] == "safetensors"
    assert main(["check", "--file", str(file), *VERSION]) == 0
    assert capsys.readouterr().out.startswith(f"Deployment llama, container vllm ({file}:10)\n")


def test_the_command_line_goes_before_the_file(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A GPU and a length tried out without touching the file."""
    file = deployment(tmp_path, f"[{model}, --max-model-len=1024]")
    words = [
        "check",
        "--file",
        str(file),
        *VERSION,
        "--gpu",
        "T4",
        "--max-model-len",
        "2048",
        "--format",
        "json",
    ]
    assert main(words) == 0
    (found,) = json.loads(capsys.readouterr().out)["checks"]
    assert (found["gpu"]["name"], found["engine"]["max_model_len"]) == ("T4", 2048)
    file = deployment(tmp_path, f"[{model}, --enforce-eager]")
    assert main(["check", "--file", str(file), *VERSION, "--no-enforce-eager", "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["checks"]
    assert found["engine"]["enforce_eager"] is False


def test_the_json_of_files_is_a_list_whatever_it_holds(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One server, one faulty server, none: always costmeter.checks/1; one model is always costmeter.check/1."""
    good, other = deployment(tmp_path, f"[{model}]"), tmp_path / "other.yaml"
    other.write_text("kind: ConfigMap\n")
    for words, code, verdicts in (
        ([str(good)], 0, ["fits"]),
        ([str(good), "--max-model-len", "1k", "--gpu", "RTX 4099"], 2, ["bad input"]),
        ([str(other), "--skip-other-files"], 0, []),
    ):
        assert main(["check", "--file", *words, *VERSION, "--format", "json"]) == code
        found = json.loads(capsys.readouterr().out)
        assert found["schema"] == "costmeter.checks/1"
        assert [each["verdict"] for each in found["checks"]] == verdicts
    assert main(["check", str(model), "--gpu", "L4", *VERSION, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "costmeter.check/1"


def test_a_count_on_the_command_line_goes_before_the_files(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """More GPUs than the manifest gives may be tried out; fewer than its flags need contradict them, with the line."""
    file = deployment(tmp_path, f"[{model}, --tensor-parallel-size=4]")
    assert main(["check", "--file", str(file), *VERSION, "--gpu", "L4:4"]) == 0
    capsys.readouterr()
    assert main(["check", "--file", str(file), *VERSION, "--gpu", "L4:2"]) == 2
    assert f"{file}:10: Deployment llama, container vllm: --tensor-parallel-size 4 needs 4" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            "[MODEL, --tensor-parallel-size=4]",
            "deployment.yaml:11: Deployment llama, container vllm: --tensor-parallel-size 4 needs 4 GPUs; the file "
            "gives it 1",
        ),
        (
            "[MODEL, --max-model-lenn=4]",
            "deployment.yaml:10: Deployment llama, container vllm: --max-model-lenn: not a flag",
        ),
        ("[MODEL, --max-model-len=much]", "--max-model-len: must be a whole number"),
        ("['$MODEL_NAME']", "$MODEL_NAME is a placeholder for the model"),
        ("[--max-model-len=4]", "names no model"),
        ("[MODEL, --config, /etc/vllm.yaml]", "--config names /etc/vllm.yaml, a file inside the container"),
        ("[/nowhere]", "/nowhere lies in the container: --path-map"),
    ],
)
def test_a_fault_of_a_deployment_names_its_line(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str], arguments: str, says: str
) -> None:
    """One line on stderr, exit 2; and an annotation under --format github."""
    file = deployment(tmp_path, arguments.replace("MODEL,", f"{model},"))
    assert main(["check", "--file", str(file), *VERSION]) == 2
    fault = capsys.readouterr().err
    assert says in fault
    assert fault.count("\n") == 1
    assert main(["check", "--file", str(file), *VERSION, "--format", "github"]) == 2
    assert capsys.readouterr().out.startswith(f"::error file={file},line=1")


def test_several_servers_show_all_their_faults(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that cannot be meant hides no other: an annotation and a row for each, with its line; the worst exit code."""
    sound = deployment(tmp_path, f"[{model}]")
    (tmp_path / "bad").mkdir()
    (tmp_path / "worse").mkdir()
    open_value = deployment(tmp_path / "bad", "['${MODEL}']")
    empty = tmp_path / "worse" / "empty.yaml"
    empty.write_text("")
    files = [str(file) for file in (open_value, empty, sound)]
    assert main(["check", "--file", *files, *VERSION, "--format", "github"]) == 2
    first, second, third, *table = capsys.readouterr().out.splitlines()
    assert first.startswith(f"::error file={open_value},line=10,")
    assert "${MODEL} is a placeholder for the model" in first
    assert second.startswith(f"::error file={empty},line=1,")
    assert "::bad input: is empty" in second
    assert third.startswith(f"::notice file={sound},line=10,")
    assert table[1].startswith(f"{open_value}:10 ")
    assert table[2].startswith(f"{empty} ")


def test_annotations_beside_the_line(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A refusal is an error at the server's line, with the change that fits."""
    file = deployment(tmp_path, f"[{model}, --kv-cache-memory-bytes=1048576]")
    assert main(["check", "--file", str(file), *VERSION, "--format", "github"]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(
        f"::error file={file},line=10,title=Deployment llama%2C container vllm::refused: "
    )
    assert "Try --max-model-len" in first


def test_several_models_are_one_table_and_the_worst_code(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row per model; the exit code is the worst one's."""
    write_checkpoint(tmp_path / "new", {"architectures": ["NeverSeenForCausalLM"]})
    gpu = ("--gpu", "L4", *VERSION)
    assert main(["check", str(model), str(tmp_path / "new"), *gpu]) == 3
    rows = capsys.readouterr().out.splitlines()
    assert rows[1].removeprefix(str(model)).split()[0] == "fits"
    assert rows[2].removeprefix(str(tmp_path / "new")).split()[0] == "unknown"
    assert main(["check", str(model), str(tmp_path / "none"), *gpu, "--format", "json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert [each["verdict"] for each in found["checks"]] == ["fits", "bad input"]
    assert [each["reason"] for each in found["checks"]] == [None, "bad_input"]


def test_a_command_as_one_text(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pasted with its continuation lines and an environment before it."""
    text = f"HF_TOKEN=hf_secret vllm serve {shlex.quote(str(model))} \\\n  --max-model-len 1024"
    assert main(["check", "--gpu", "L4", *VERSION, "--", text]) == 0
    out = capsys.readouterr()
    assert "--max-model-len 1024" in out.out
    assert "hf_secret" not in out.out + out.err


def test_a_token_in_a_command_that_is_none_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """The fault repeats the program, not the secrets around it."""
    assert main(["check", "--", "HF_TOKEN=hf_secret", "vllm", "bench", "--hf-token", "hf_secret"]) == 2
    assert "hf_secret" not in capsys.readouterr().err


@pytest.mark.parametrize("text", ["${MODEL}", "$MODEL", "$(MODEL)", "{{ .Values.model }}", "<your model>"])
def test_a_placeholder_for_the_model_is_said_so(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Not looked for on disk or on the Hub."""
    assert main(["check", text, "--gpu", "L4"]) == 2
    assert "is a placeholder for the model" in capsys.readouterr().err


def test_a_value_given_by_hand_stands_over_a_scripts_own(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the line on a placeholder advises has its effect, whatever the script assigns."""
    file = tmp_path / "run.sh"
    file.write_text(f'LENGTH=1024; [ -f x ] && LENGTH=256\nvllm serve {model} --max-model-len "$LENGTH"\n')
    words = ["check", "--file", str(file), *VERSION, "--gpu", "L4"]
    assert main(words) == 2
    assert "add --set LENGTH=VALUE" in capsys.readouterr().err
    assert main([*words, "--set", "LENGTH=512", "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["checks"]
    assert found["engine"]["max_model_len"] == 512


def test_every_server_of_a_script_is_counted(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of a substitution, of options that are not known and of a program that is not known, too."""
    file = tmp_path / "run.sh"
    image = f"vllm/vllm-openai:v0.32.0 --model {model}"
    file.write_text(
        f"$PYTHON -m vllm.entrypoints.openai.api_server --model {model}\n"
        f"ID=$(docker run -d --gpus device=1 {image})\ndocker run -d $EXTRA {image}\n"
    )
    assert main(["check", "--file", str(file), *VERSION, "--gpu", "L4"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("3 servers checked")


def test_a_server_that_cannot_be_told_is_never_passed_over(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are checked, and the exit code is 3."""
    file = tmp_path / "run.sh"
    file.write_text(f"vllm serve {model} &\nssh node2 <<EOF\nvllm serve o/m\nEOF\n")
    assert main(["check", "--file", str(file), *VERSION, "--gpu", "L4"]) == 3
    assert "1 server checked, 1 not read" in capsys.readouterr().out
