"""`costmeter check organisation/name`, as a process of its own against a stand-in of the Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkpoint_files import write_checkpoint
from hub_stand_in import COMMIT, Hub, hub

from vllm_costmeter.cli.main import main

TOKEN = "hf_secretsecretsecret"
WORDS = ("--gpu", "L4", "--vllm-version", "0.32.0", "--format", "json")


def check(
    stand_in: Hub, home: Path, *words: str, token: str | None = TOKEN
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user with this token would."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": stand_in.url,
        "HF_HOME": str(home),
        "XDG_CACHE_HOME": str(home),
    }
    environment.pop("HF_HUB_OFFLINE", None)
    environment["HF_TOKEN"] = token or ""
    command = [sys.executable, "-m", "vllm_costmeter.cli.main", "check", *words, *WORDS]
    return subprocess.run(
        command, env=environment, cwd=home, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_private_repository_at_a_revision(tmp_path: Path) -> None:
    """HF_ENDPOINT, HF_TOKEN and --revision reach the Hub; a second run asks nothing; no token in any output."""
    total = write_checkpoint(tmp_path / "tiny")
    with hub(Hub({"org/tiny": tmp_path / "tiny"}, token=TOKEN)) as stand_in:
        first = check(stand_in, tmp_path, "org/tiny", "--revision", COMMIT)
        found = json.loads(first.stdout)
        assert (found["model"]["id"], found["per_gpu_bytes"]["weights"]) == ("org/tiny", total)
        assert found["provenance"]["weights"] == "safetensors"
        assert len(stand_in.requests) == 3
        assert COMMIT in stand_in.requests[0]
        second = check(stand_in, tmp_path, "org/tiny", "--revision", COMMIT)
        assert second.stdout == first.stdout
        assert len(stand_in.requests) == 3
        refused = check(stand_in, tmp_path / "tiny", "org/other", token="hf_other")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    for output in (first.stdout, first.stderr, refused.stderr):
        assert "hf_" not in output


@pytest.mark.parametrize(
    ("words", "library", "says"),
    [
        (["org/name"], "huggingface_hub", "pip install 'vllm-costmeter[hub]'"),
        (["--file", __file__], "yaml", "pip install 'vllm-costmeter[deploy]'"),
    ],
)
def test_a_missing_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    library: str,
    says: str,
) -> None:
    """The base install has neither the Hub's client nor YAML."""
    monkeypatch.setitem(sys.modules, library, None)
    assert main(["check", *words, "--gpu", "L4"]) == 2
    assert says in capsys.readouterr().err
