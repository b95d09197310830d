"""action.yml and .pre-commit-hooks.yaml: what they run is what the command takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from checkpoint_files import write_checkpoint

from vllm_costmeter.cli.main import main

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = """\
kind: Pod
metadata: {{name: p}}
spec:
  containers:
  - {{name: c, command: [vllm, serve, {model}], resources: {{limits: {{nvidia.com/gpu: 1}}}}}}
"""


def read(name: str) -> Any:
    """A file of the repository's root."""
    return yaml.safe_load((ROOT / name).read_text())


def run_action(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """The check step of the action, as a runner would run it."""
    step = read("action.yml")["runs"]["steps"][-1]
    given = {name: inputs.get(name.lower(), "") for name in step["env"]}
    environment = {**os.environ, **given, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with two manifests of a small model, and a file of something else."""
    write_checkpoint(tmp_path / "model")
    (tmp_path / "deploy").mkdir()
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / "deploy" / name).write_text(MANIFEST.format(model=tmp_path / "model"))
    (tmp_path / "other.yaml").write_text("a: 1\n")
    return tmp_path


def test_the_action_annotates_every_file_of_a_pattern(folder: Path) -> None:
    """Files by pattern, a GPU of two words, further flags with quotes."""
    done = run_action(
        folder, files="deploy/*.yaml\n", gpu="RTX 4090", arguments="--max-model-len 1024 --dtype 'auto'"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("::notice file=deploy/") == 2


def test_the_action_checks_a_model_and_fails_with_it(folder: Path) -> None:
    """Without files; its exit code is the command's."""
    done = run_action(folder, model="model\n", gpu="RTX 4090", arguments="--kv-cache-memory-bytes 1M")
    assert done.returncode == 1
    assert done.stdout.startswith("::error title=model::refused")


def test_every_input_reaches_the_step() -> None:
    """No input is declared and then forgotten, and none is pasted into the script, where it could run."""
    action = read("action.yml")
    step = action["runs"]["steps"][-1]
    assert sorted(step["env"].values()) == sorted(f"${{{{ inputs.{name} }}}}" for name in action["inputs"])
    assert "${{" not in step["run"]


def test_the_hook_passes_over_other_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """pre-commit hands over every YAML file that changed."""
    (hook,) = read(".pre-commit-hooks.yaml")
    words = [*hook["entry"].split()[1:], "--gpu", "L4", *hook["args"]]
    assert main([*words, str(folder / "other.yaml"), str(folder / "deploy" / "a.yaml")]) == 0
    assert "Pod p, container c" in capsys.readouterr().out
    assert main([*words, str(folder / "other.yaml")]) == 0
