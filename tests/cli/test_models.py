"""`costmeter models`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hub_stand_in import Hub, hub

from vllm_costmeter.cli.main import main
from vllm_costmeter.sources.models.open import open_model
from vllm_costmeter.sources.models.packaged_configs import packaged_config


def test_a_text_selects_models(capsys: pytest.CaptureFixture[str]) -> None:
    """One line each: parameters, context and the smallest GPU."""
    assert main(["models", "qwen3-32b"]) == 0
    out = capsys.readouterr().out
    assert "Qwen/Qwen3-32B " in out
    assert "32.8 B" in out
    assert "40,960" in out
    assert "H100" in out
    assert "Llama" not in out


def test_json_leaves_out_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown architecture has its name and why, and no size."""
    assert main(["models", "Step-3.7", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["schema"] == "costmeter.models/1"
    (model,) = answer["models"]
    assert model["not_understood"]
    assert "weights_bytes" not in model


def test_a_text_that_matches_nothing_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    """With the nearest names."""
    assert main(["models", "quen3-32b"]) == 2
    assert "nearest: Qwen/Qwen3-32B" in capsys.readouterr().err


def test_update_reads_the_hub_and_the_next_check_uses_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also when the Hub is gone by then."""
    from huggingface_hub import constants

    packaged = packaged_config("Qwen/Qwen3-0.6B")
    assert packaged is not None
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**packaged.config, "max_position_embeddings": 1234}))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with hub(Hub({"Qwen/Qwen3-0.6B": folder})) as stand_in:
        monkeypatch.setattr(constants, "ENDPOINT", stand_in.url)
        assert main(["models", "update", "Qwen/Qwen3-0.6B"]) == 0
    assert "1 of 1 models read" in capsys.readouterr().out
    assert open_model("Qwen/Qwen3-0.6B").max_model_len == 1234


def test_update_without_a_network_says_so_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It does not try the other models."""
    from huggingface_hub import constants

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert main(["models", "update"]) == 2
    assert "nothing updated after 0 of" in capsys.readouterr().err.splitlines()[-1]
