"""The fit check of a starting server gives the answer that `costmeter check` gives of the same command."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from checkpoint_files import TINY_LLAMA
from starting_servers import CONFIGURATIONS, MODELS, as_checked

import vllm_costmeter
from vllm_costmeter.outputs.check.json import to_json
from vllm_costmeter.plugin.starting import boot_facts

LLAMA_8B = MODELS / "meta-llama__Llama-3.1-8B-Instruct"
DEEPSEEK = MODELS / "deepseek-ai__DeepSeek-V3"
MTP = {"method": "mtp", "num_speculative_tokens": 1}


@pytest.mark.parametrize("release", ["0.19.0", "0.25.1"])
def test_a_server_is_judged_by_the_rules_of_its_own_release(release: str, server: Any) -> None:
    """Every published configuration gets the tokens and the verdict of its own release, which for many are not the
    newest's."""
    off = 0
    for model in CONFIGURATIONS:
        expected = as_checked(release, model)
        if expected is None or expected.kv_cache is None:
            continue
        served = server(release, model)
        assert served is not None
        assert (served.verdict, served.kv_cache, served.max_model_len_that_fits) == (
            expected.verdict,
            expected.kv_cache,
            expected.max_model_len_that_fits,
        )
        newest = as_checked("0.33.0", model)
        if newest is not None and newest.kv_cache is not None:
            off += abs(newest.kv_cache.tokens - served.kv_cache.tokens) > 0.02 * served.kv_cache.tokens
    assert off >= 10


@pytest.mark.parametrize("text", ["0.19.0+cpu", "0.22.1rc1.dev281+gad2337814", "0.1.dev1+g9759e3b06", "dev"])
def test_any_build_starts_and_says_what_it_is(text: str, server: Any) -> None:
    """A version that no release bears stops no start."""
    served = server(text, LLAMA_8B)
    assert served is not None
    assert (served.engine.release.text, served.verdict) == (text, "fits")


def test_graphs_are_left_out_of_the_budget_where_the_environment_says_so(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS=0 leaves their estimate to the KV cache, as in vLLM."""
    usual = server("0.22.0", LLAMA_8B)
    monkeypatch.setenv("VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS", "0")
    without = server("0.22.0", LLAMA_8B)
    assert without.per_gpu.kv_cache_available_bytes > usual.per_gpu.kv_cache_available_bytes


def test_a_variable_of_unknown_effect_is_named(
    server: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As `costmeter check` does: the numbers hold without it only."""
    monkeypatch.setenv("VLLM_BATCH_INVARIANT", "1")
    with caplog.at_level(logging.INFO, logger="vllm.costmeter"):
        served = server("0.22.0", LLAMA_8B)
    note = "VLLM_BATCH_INVARIANT=1 may change GPU memory; its effect is not modelled"
    assert note in served.notes
    assert f"costmeter: {note}" in caplog.messages


def test_what_a_server_recorded_is_found_by_a_check_of_its_release_and_no_other(server: Any) -> None:
    """The driver's name and the catalogue's are one GPU; vLLM's own defaults and the command's are one deployment."""
    served = server("0.25.1", LLAMA_8B, None, max_model_len=8192)
    assert served is not None
    assert served.per_gpu is not None
    pool = served.per_gpu.kv_cache_available_bytes - (1 << 29)
    boot_facts.learn(served, {"kv_cache": pool}, "2026-11-28", on_cpu=False)
    pools = {
        release: found.per_gpu.kv_cache_available_bytes
        for release in ("0.25.1", "0.25.1+cu130", "0.25.0", "0.33.0")
        if (found := as_checked(release, LLAMA_8B, max_model_len=8192)) is not None
        and found.per_gpu is not None
    }
    assert [pools[release] == pool for release in pools] == [True, True, False, False]
    again = server("0.25.1", LLAMA_8B, None, max_model_len=8192)
    assert again is not None
    assert again.provenance["activations"] == "calibration"


def test_a_server_with_prediction_layers_answers_what_the_check_answers(server: Any) -> None:
    """DeepSeek-V3 with MTP, its objects that vLLM adds to the flag left out."""
    served = server("0.32.0", DEEPSEEK, "H200 SXM:8", tensor_parallel_size=8, speculative_config=dict(MTP))
    expected = vllm_costmeter.check(
        DEEPSEEK, "H200 SXM:8", vllm_version="0.32.0", tensor_parallel_size=8, speculative_config=MTP
    )
    assert served is not None
    assert (served.verdict, served.per_gpu, served.kv_cache) == (
        expected.verdict,
        expected.per_gpu,
        expected.kv_cache,
    )
    assert served.verdict == "fits"
    assert served.engine_args.speculative_config == MTP
    parts = server("0.32.0", DEEPSEEK, "H200 SXM:8", tensor_parallel_size=8, spec_method="mtp", spec_tokens=1)
    assert parts == served


@pytest.mark.parametrize("flags", [{}, {"speculative_config": dict(MTP), "tensor_parallel_size": 8}])
def test_what_a_server_found_can_be_sent_to_its_page(flags: dict[str, Any], server: Any) -> None:
    """As JSON: none of vLLM's own objects, such as that of --eplb-config, is left in a result."""
    served = server("0.32.0", DEEPSEEK, "H200 SXM:8", **flags)
    assert json.loads(json.dumps(to_json(served)))["engine"]["eplb_config"] is None


def test_redundant_experts_are_read_from_vllms_own_object(server: Any) -> None:
    """EngineArgs holds an EPLBConfig; without --enable-eplb vLLM takes no redundant experts."""
    flags = {"max_model_len": 8192, "tensor_parallel_size": 8}
    assert server("0.32.0", DEEPSEEK, "H200 SXM:8", **flags).verdict == "fits"
    asked = SimpleNamespace(num_redundant_experts=4)
    refused = server("0.32.0", DEEPSEEK, "H200 SXM:8", eplb_config=asked, **flags)
    assert refused.reason == "parallel_layout"
    assert "num_redundant_experts 4" in refused.message


def test_a_draft_model_is_read_where_vllm_has_put_it(tmp_path: Path, server: Any) -> None:
    """From the folder that the flag names."""
    draft = tmp_path / "draft"
    draft.mkdir()
    (draft / "config.json").write_text(json.dumps({**TINY_LLAMA, "num_hidden_layers": 2}))
    asked = {"method": "draft_model", "model": str(draft), "num_speculative_tokens": 2}
    served = server("0.32.0", LLAMA_8B, max_model_len=8192, speculative_config=dict(asked))
    expected = as_checked("0.32.0", LLAMA_8B, max_model_len=8192, speculative_config=asked)
    assert expected is not None
    assert served is not None
    assert served.per_gpu == expected.per_gpu


def test_a_drafter_that_vllm_found_by_itself_is_not_left_out(server: Any) -> None:
    """A checkpoint of `speculators` needs no flag: its head is counted, or nothing is said to fit."""
    found = SimpleNamespace(method="eagle3", model="/no/such/head", num_speculative_tokens=3)
    assert server("0.19.0", LLAMA_8B, max_model_len=8192, found_drafter=found) is None
    own = SimpleNamespace(method="mtp", model=None, num_speculative_tokens=1)
    eight = {"tensor_parallel_size": 8}
    served = server("0.32.0", DEEPSEEK, "H200 SXM:8", found_drafter=own, **eight)
    asked = server("0.32.0", DEEPSEEK, "H200 SXM:8", spec_method="mtp", spec_tokens=1, **eight)
    assert served is not None
    assert asked is not None
    assert (served.verdict, served.per_gpu) == (asked.verdict, asked.per_gpu)


def test_a_refused_start_names_gpus_on_which_it_fits(server: Any, caplog: pytest.LogCaptureFixture) -> None:
    """As the command does: the cheapest of the catalogue, with its price."""
    with caplog.at_level(logging.WARNING, "vllm.costmeter"):
        served = server("0.32.0", LLAMA_8B, "RTX 4090", max_model_len=131072)
    expected = vllm_costmeter.check(LLAMA_8B, "RTX 4090", max_model_len=131072, vllm_version="0.32.0")
    assert served is not None
    assert served.suggestions == expected.suggestions
    assert any("gpu" in each.change for each in served.suggestions)
    assert "try --gpu" in caplog.text


@pytest.mark.parametrize("given", [None, True, False])
def test_windows_are_kept_for_the_batches_that_a_check_counts(given: bool | None, server: Any) -> None:
    """Gemma 3 with ngram in 0.33: two by default, one with --no-async-scheduling."""
    flags = {"speculative_config": {**MTP, "method": "ngram"}, "async_scheduling": given}
    gemma = MODELS / "google__gemma-3-27b-it"
    expected: Any = as_checked("0.33.0", gemma, **flags)
    assert server("0.33.0", gemma, **flags).kv_cache == expected.kv_cache


def test_an_encoder_alone_is_not_checked(server: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The log says why."""
    assert server("0.33.0", LLAMA_8B, mm_encoder_only=True) is None
    assert "an encoder without its language model" in caplog.text
