"""The configurations that ship, and when they are used."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hub_stand_in import Hub, hub

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.checkpoint import hub_client
from vllm_costmeter.sources.models.open import open_model
from vllm_costmeter.sources.models.packaged_configs import FILE, packaged_config, packaged_configs

ROOT = Path(__file__).resolve().parents[3]
NOBODY = "http://127.0.0.1:9"


def answering(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> None:
    """Let the Hub's own client ask this address, with an empty cache of ours."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_file_is_what_the_test_data_say() -> None:
    """Who adds a configuration and forgets to package it is told here."""
    script = [sys.executable, "-m", "scripts.catalogue.package_models", "--check"]
    assert subprocess.run(script, cwd=ROOT, check=False).returncode == 0, (
        "run python -m scripts.catalogue.package_models"
    )


def test_it_is_small_and_has_no_twin_without_its_model() -> None:
    """Under 400 KB, at least a hundred models, and every `same_as` names one that is there."""
    assert FILE.stat().st_size < 400_000
    models = json.loads(gzip.decompress(FILE.read_bytes()))["models"]
    assert len(models) >= 100
    assert {each["same_as"] for each in models.values() if "same_as" in each} <= set(models)


def test_a_model_is_answered_without_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In any case of letters, with the date of the copy in a note."""
    answering(monkeypatch, tmp_path, NOBODY)
    model = open_model("qwen/qwen3-32b")
    assert model.architecture == "Qwen3ForCausalLM"
    assert "packaged with costmeter, as of 2026-11" in model.notes[-1]


def test_the_hub_goes_before_the_packaged_copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where it answers, with what it has today."""
    packaged = packaged_config("Qwen/Qwen3-0.6B")
    assert packaged is not None
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**packaged.config, "max_position_embeddings": 1234}))
    with hub(Hub({"Qwen/Qwen3-0.6B": folder})) as stand_in:
        answering(monkeypatch, tmp_path, stand_in.url)
        model = open_model("Qwen/Qwen3-0.6B")
    assert (model.max_model_len, model.notes) == (1234, ())


def test_a_gated_model_is_answered_from_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a token that may read it."""
    with hub(Hub({}, token="hf_other", gated=True)) as stand_in:
        answering(monkeypatch, tmp_path, stand_in.url)
        assert open_model("meta-llama/Llama-3.1-8B-Instruct").max_model_len == 131_072


def test_a_revision_is_never_answered_from_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The packaged copy is of one date; who asks for a revision wants that one."""
    answering(monkeypatch, tmp_path, NOBODY)
    with pytest.raises(BadInputError, match="cannot be reached"):
        open_model("Qwen/Qwen3-32B", revision="v1")


def test_an_unknown_name_lists_the_nearest_packaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One line: what failed and what may have been meant."""
    answering(monkeypatch, tmp_path, NOBODY)
    with pytest.raises(BadInputError, match=r"cannot be reached .* nearest: .*Qwen/Qwen3-8B"):
        open_model("Qwen/Qwen3-9B")


def test_it_answers_without_the_hubs_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The base install has no huggingface_hub."""

    def missing() -> None:
        raise BadInputError(hub_client.INSTALL_HINT)

    monkeypatch.setattr(hub_client, "_library", missing)
    assert open_model("Qwen/Qwen3-32B").architecture == "Qwen3ForCausalLM"


@pytest.mark.parametrize("packaged", packaged_configs(), ids=lambda each: each.repository)
def test_every_packaged_configuration_names_an_architecture(packaged: object) -> None:
    """What vLLM needs to serve it."""
    assert packaged.config["architectures"]  # type: ignore[attr-defined]
