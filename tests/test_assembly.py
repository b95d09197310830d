"""Every command that says whether a model fits says it of the same vLLM release, by the same records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import vllm_costmeter
from vllm_costmeter.assembly import assembled, grounds_on
from vllm_costmeter.cli.main import main
from vllm_costmeter.core.calibration.record import boot_of
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.files.calibration import remember
from vllm_costmeter.sources.models.open import open_model

LLAMA_8B = str(Path(__file__).parent / "data" / "models" / "meta-llama__Llama-3.1-8B-Instruct")
DEEPSEEK = str(Path(__file__).parent / "data" / "models" / "deepseek-ai__DeepSeek-V3.2")
ADA = find_gpu("RTX 4090").as_gpu(1)


@pytest.fixture(params=["0.19.0", "0.25.1"])
def installed(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A vLLM release that is installed before any other on the import path."""
    (tmp_path / f"vllm-{request.param}.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    release: str = request.param
    return release


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """What a command prints as JSON."""
    assert main([*words, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_matrix_is_about_the_installed_release(installed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its longest context is the check's, which is another release's no longer."""
    matrix = answered(capsys, "matrix", "--model", LLAMA_8B, "--gpus", "RTX 4090", "--quantizations", "own")
    longest = matrix["cells"][0]["max_model_len_that_fits_tokens"]
    checked = vllm_costmeter.check(LLAMA_8B, "RTX 4090", max_model_len=8192)
    assert (checked.engine.release.text, checked.max_model_len_that_fits) == (installed, longest)
    newest = vllm_costmeter.check(LLAMA_8B, "RTX 4090", max_model_len=8192, vllm_version="0.33.0")
    assert newest.max_model_len_that_fits != longest


def test_estimate_is_about_the_installed_release(installed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As many requests run at once as the KV cache of that release certainly holds, half of their answers written."""
    load = ("--prompt-tokens", "200", "--output-tokens", "50", "--concurrency", "100000")
    found = answered(capsys, "estimate", LLAMA_8B, "--gpu", "RTX 4090", *load)
    holds = {
        release: kv_cache.tokens_range[0] // 225
        for release in (installed, "0.33.0")
        if (kv_cache := vllm_costmeter.check(LLAMA_8B, ADA, max_model_len=250, vllm_version=release).kv_cache)
    }
    assert found["concurrency"] == holds[installed] != holds["0.33.0"]


def test_a_recorded_start_counts_in_every_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check and the matrix know the same pool; a script that wants none of it says so."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    release = grounds_on(ADA).release
    boot = boot_of(open_model(LLAMA_8B), ADA, EngineArgs(), release, pool_bytes=3 << 30, on="2026-11-28")
    assert boot is not None
    assert remember(boot) is None
    checked = vllm_costmeter.check(LLAMA_8B, "RTX 4090", max_model_len=8192)
    matrix = answered(capsys, "matrix", "--model", LLAMA_8B, "--gpus", "RTX 4090", "--quantizations", "own")
    assert matrix["cells"][0]["max_model_len_that_fits_tokens"] == checked.max_model_len_that_fits
    alone = assembled(
        LLAMA_8B, ADA, EngineArgs(max_model_len=8192), release=release, calibration="none"
    ).fit()
    assert checked.provenance["activations"] == "calibration"
    assert alone.provenance["activations"] != "calibration"


def test_a_release_that_is_only_assumed_is_said(tmp_path: Path) -> None:
    """An answer without any vLLM is about the newest known, and its title and JSON do not hide that."""
    from vllm_costmeter.outputs.check.json import to_json
    from vllm_costmeter.outputs.check.text import render

    for stated, title, assumed in ((None, "vLLM 0.33.0 (assumed)", True), ("0.33.0", "vLLM 0.33.0,", False)):
        fit = assembled(
            LLAMA_8B, ADA, EngineArgs(max_model_len=8192), release=release_of(stated), calibration="none"
        ).fit()
        assert title in " ".join(render(fit))
        engine = to_json(fit)["engine"]
        assert (engine["vllm_version"], engine["vllm_version_is_assumed"]) == ("0.33.0", assumed)


def test_a_cache_format_that_the_release_lacks_is_refused() -> None:
    """Not an error here: the command line's own parser holds it against the release."""
    given = EngineArgs(kv_cache_dtype="nvfp4", max_model_len=8192)
    found = assembled(LLAMA_8B, ADA, given, release=release_of("0.19.0")).fit()
    assert (found.verdict, found.reason) == ("refused", "kv_cache_dtype")


@pytest.mark.parametrize(
    ("gpu", "asked", "expected"),
    [("MI325X", None, False), ("MI325X", True, True), ("H200 SXM", None, None)],
)
def test_amds_gpus_have_the_first_runner_for_some_models(
    gpu: str, asked: bool | None, expected: bool | None
) -> None:
    """DeepSeek V3.2 in 0.30, unless the other one is asked for."""
    given = EngineArgs(layout=ParallelConfig(tensor_parallel_size=8), second_runner=asked)
    group = find_gpu(gpu).as_gpu(8)
    found = assembled(DEEPSEEK, group, given, release=release_of("0.30.0"), calibration="none")
    assert found.engine_args.second_runner is expected


def test_a_key_of_the_drafter_whose_memory_is_not_known_is_named() -> None:
    """Beside the answer; a key that says what vLLM does anyway is not."""
    asked = {"method": "ngram", "num_speculative_tokens": 3, "kv_cache_dtype": "fp8"}
    for value, notes in (("fp8", 1), ("auto", 0)):
        given = EngineArgs(max_model_len=8192, speculative_config={**asked, "kv_cache_dtype": value})
        found = assembled(LLAMA_8B, ADA, given, release=release_of("0.33.0"), calibration="none")
        assert sum("kv_cache_dtype of --speculative-config" in each for each in found.grounds.notes) == notes
