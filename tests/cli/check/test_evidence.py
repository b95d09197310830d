"""What an answer says of itself: rules and evidence, what is known of the unknown, what a server's start taught."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from checkpoint_files import write_checkpoint

from vllm_costmeter.cli.main import main
from vllm_costmeter.core.calibration.record import boot_of
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.files.calibration import remember
from vllm_costmeter.sources.models.local import local_model

RELEASE = release_of("0.32.0")
PLAN = EngineArgs()
VERSION = ("--vllm-version", "0.32.0")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A checkpoint of 0.7 GiB."""
    write_checkpoint(tmp_path / "model")
    return tmp_path / "model"


def test_explain_shows_rule_and_evidence(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every part has its bytes, where they come from, and what the rule was read in."""
    assert main(["check", str(model), "--gpu", "L4", *VERSION, "--explain"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for expected in (
        "from its safetensors headers",
        "engine: rules of 0.29",
        "KV cache: rules of 0.32",
        "from the catalogue",
    ):
        assert expected in out


def test_an_unknown_architecture_shows_its_exact_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown, exit 3, and what is known: its weights. Too heavy alone, it is refused."""
    total = write_checkpoint(tmp_path, {"architectures": ["NeverSeenForCausalLM"]})
    assert main(["check", str(tmp_path), "--gpu", "L4", "--format", "json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["per_gpu_bytes"]["weights"] == total
    assert found["provenance"] == {"weights": "safetensors"}
    assert main(["check", str(tmp_path), "--gpu-memory-gib", "0.5", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "weights"


def test_a_recorded_start_is_used_and_said(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a server's start measured answers the next check of the same deployment; a corrupt file is one note."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    words = ["check", str(model), "--gpu", "RTX 4090", *VERSION, "--format", "json"]
    assert main(words) == 0
    ruled = json.loads(capsys.readouterr().out)
    pool = ruled["per_gpu_bytes"]["kv_cache_available"] - (1 << 29)
    boot = boot_of(
        local_model(model), find_gpu("RTX 4090").as_gpu(1), PLAN, RELEASE, pool_bytes=pool, on="2026-11-22"
    )
    assert boot is not None
    assert remember(boot) is None
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["per_gpu_bytes"]["kv_cache_available"] == pool
    assert found["provenance"]["activations"] == "calibration"
    assert "as measured in a start" in found["notes"][-1]
    (tmp_path / "state" / "vllm-costmeter" / "calibration.json").write_text("{")
    assert main(words) == 0
    assert "is not valid and is ignored" in json.loads(capsys.readouterr().out)["notes"][-1]
