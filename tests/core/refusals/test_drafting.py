"""--speculative-config that a release, a model or the other flags do not allow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from refused_starts import MODELS, arguments, judged

from vllm_costmeter.core.fit.result import Fit

LLAMA, QWEN, MIXTRAL = "meta-llama__Llama-3.1-8B-Instruct", "Qwen__Qwen3-32B", "mistralai__Mixtral-8x7B-v0.1"
SMALL = str(MODELS / "Qwen__Qwen3-0.6B")
NGRAM = {"method": "ngram", "num_speculative_tokens": 3}


def drafted(asked: dict[str, Any], release: str, model: str = LLAMA, **flags: Any) -> Fit:
    return judged(model, "H200 SXM:2", release, speculative_config=asked, **flags)


@pytest.mark.parametrize(
    ("release", "key", "verdict"),
    [
        ("0.25.1", {"kv_cache_dtype": "auto"}, "refused"),
        ("0.26.0", {"kv_cache_dtype": "auto"}, "fits"),
        ("0.20.2", {"speculative_token_tree": "[(0,)]"}, "fits"),
        ("0.21.0", {"speculative_token_tree": "[(0,)]"}, "refused"),
        ("0.33.0", {"num_speculative_token": 3}, "refused"),
        ("0.33.0", {"tensor_parallel_size": 1}, "refused"),
    ],
)
def test_keys_are_those_of_the_release(release: str, key: dict[str, Any], verdict: str) -> None:
    """vLLM forbids any other."""
    assert drafted(NGRAM | key, release).verdict == verdict


def test_an_unknown_key_or_method_names_the_nearest() -> None:
    """One line that says what was meant."""
    assert (
        "nearest: num_speculative_tokens" in drafted(NGRAM | {"num_speculative_token": 3}, "0.33.0").message
    )
    assert "nearest: ngram" in drafted(NGRAM | {"method": "ngrm"}, "0.33.0").message


@pytest.mark.parametrize(
    ("release", "method", "verdict"),
    [
        ("0.17.1", "ngram_gpu", "refused"),
        ("0.18.0", "ngram_gpu", "fits"),
        ("0.24.0", "dspark", "refused"),
        ("0.25.0", "dspark", "unknown"),
        ("0.32.0", "medusa", "unknown"),
        ("0.33.0", "medusa", "refused"),
    ],
)
def test_methods_are_those_of_the_release(release: str, method: str, verdict: str) -> None:
    """A method that it has and that is not modelled stays unknown."""
    assert drafted({"method": method, "num_speculative_tokens": 3}, release).verdict == verdict


@pytest.mark.parametrize("asked", [{"method": "ngram"}, {"method": "mtp"}])
def test_what_no_file_states_must_be_given(asked: dict[str, Any]) -> None:
    """num_speculative_tokens."""
    assert "needs num_speculative_tokens" in drafted(asked, "0.33.0", "Qwen__Qwen3.5-35B-A3B").message


@pytest.mark.parametrize(
    ("model", "release", "verdict"),
    [
        (LLAMA, "0.17.0", "refused"),
        (LLAMA, "0.32.0", "refused"),
        (LLAMA, "0.33.0", "unknown"),
        ("nvidia__DeepSeek-V4-Pro-NVFP4", "0.19.0", "refused"),
        ("Qwen__Qwen3.5-35B-A3B", "0.17.0", "fits"),
    ],
)
def test_prediction_layers_are_those_the_release_knows(model: str, release: str, verdict: str) -> None:
    """Llama has none; from 0.33 Transformers' may be drafted with."""
    result = drafted({"method": "mtp", "num_speculative_tokens": 1}, release, model, max_num_seqs=64)
    assert result.verdict == verdict


@pytest.mark.parametrize(
    ("model", "release", "method", "verdict"),
    [
        ("deepseek-ai__DeepSeek-V2-Lite-Chat", "0.17.0", "extract_hidden_states", "refused"),
        ("deepseek-ai__DeepSeek-V2-Lite-Chat", "0.18.0", "extract_hidden_states", "unknown"),
        (MIXTRAL, "0.33.0", "dflash", "refused"),
        ("microsoft__phi-4", "0.21.0", "extract_hidden_states", "refused"),
        (LLAMA, "0.33.0", "dflash", "unknown"),
    ],
)
def test_a_target_must_hand_out_its_hidden_states(
    model: str, release: str, method: str, verdict: str
) -> None:
    """Methods that read them, and classes without the interface."""
    asked = {"method": method, "model": "org/draft", "num_speculative_tokens": 3}
    assert drafted(asked, release, model, tensor_parallel_size=2).verdict == verdict


@pytest.mark.parametrize("release", ["0.17.0", "0.33.0"])
def test_a_draft_model_shares_the_vocabulary(release: str) -> None:
    """From 0.25 another one may be allowed, and the suggestion does."""
    asked = {"model": SMALL, "num_speculative_tokens": 3}
    result = drafted(asked, release)
    assert (result.verdict, result.reason) == ("refused", "speculative_config")
    assert bool(result.suggestions) == (release == "0.33.0")
    assert drafted(asked, release, QWEN, tensor_parallel_size=2).verdict == "fits"


@pytest.mark.parametrize(
    ("release", "seqs", "verdict"),
    [("0.19.1", 256, "fits"), ("0.20.0", 256, "refused"), ("0.27.1", 255, "fits"), ("0.28.0", 256, "fits")],
)
def test_a_draft_model_takes_a_slot_of_each_sequence(release: str, seqs: int, verdict: str) -> None:
    """From 0.20 to 0.27; the suggestion is the most sequences that leave a token, or a larger step."""
    asked = {"model": SMALL, "num_speculative_tokens": 3}
    flags: dict[str, Any] = {"tensor_parallel_size": 2, "max_num_seqs": seqs, "max_num_batched_tokens": 256}
    result = drafted(asked, release, QWEN, **flags)
    assert result.verdict == verdict
    if verdict == "refused":
        assert "--max-num-seqs 255" in arguments(result)


@pytest.mark.parametrize(
    ("asked", "release", "verdict"),
    [
        (NGRAM, "0.32.0", "refused"),
        (NGRAM, "0.33.0", "fits"),
        ({"method": "suffix"}, "0.33.0", "refused"),
        (NGRAM | {"method": "ngram_gpu"}, "0.32.0", "fits"),
    ],
)
def test_steps_overlap_with_drafters_that_run_on_the_gpu(
    asked: dict[str, Any], release: str, verdict: str
) -> None:
    """--async-scheduling; the suggestion turns it off."""
    result = drafted(asked, release, async_scheduling=True)
    assert result.verdict == verdict
    assert arguments(result) == (["--no-async-scheduling"] if verdict == "refused" else [])


def test_a_lookup_has_a_least_and_a_most() -> None:
    """prompt_lookup_min above prompt_lookup_max."""
    asked = NGRAM | {"prompt_lookup_min": 4, "prompt_lookup_max": 2}
    result = drafted(asked, "0.33.0")
    assert (result.verdict, len(result.suggestions)) == ("refused", 1)


def test_a_draft_with_prediction_layers_is_not_a_draft_model() -> None:
    """vLLM drafts with its prediction layers, whatever the method says: its vocabulary is not compared."""
    asked = {"model": str(MODELS / "Qwen__Qwen3.5-35B-A3B"), "num_speculative_tokens": 3}
    assert drafted(asked, "0.33.0", QWEN, tensor_parallel_size=2).reason != "speculative_config"


@pytest.mark.parametrize("release", ["0.10.2", "0.16.0"])
def test_releases_before_0_17_are_not_judged_by_their_flags(release: str) -> None:
    """Their sources were not read."""
    assert drafted(NGRAM, release).verdict == "fits"


@pytest.mark.parametrize(("length", "verdict"), [("8192", "fits"), (9000, "refused")])
def test_a_draft_reads_no_more_than_its_target(length: int | str, verdict: str) -> None:
    """The suggestion is the target's length."""
    asked = {"model": SMALL, "num_speculative_tokens": 3, "max_model_len": length}
    result = drafted(asked, "0.33.0", QWEN, tensor_parallel_size=2)
    assert result.verdict == verdict
    assert len(result.suggestions) == (verdict == "refused")


def test_a_head_has_a_vocabulary_of_its_own(tmp_path: Path) -> None:
    """Medusa's file may state none or another than the target's: vLLM takes the target's."""
    config = {"architectures": ["MedusaModel"], "model_type": "medusa", "hidden_size": 4096, "num_heads": 3}
    (tmp_path / "config.json").write_text(json.dumps(config))
    asked = {"model": str(tmp_path), "num_speculative_tokens": 3}
    for method in ({}, {"method": "medusa"}):
        assert drafted({**asked, **method}, "0.32.0", LLAMA).verdict == "fits"


@pytest.mark.parametrize(("release", "verdict"), [("0.30.0", "refused"), ("0.31.0", "fits")])
def test_a_head_newer_than_the_release_is_refused_with_the_first_that_has_it(
    tmp_path: Path, release: str, verdict: str
) -> None:
    """LiLiCorr came with 0.31.0."""
    own = {
        "target_layer_ids": [0],
        "lilicorr_num_heads": 4,
        "lilicorr_factor_dim": 8,
        "lilicorr_candidate_topk": 4,
        "lilicorr_num_layers": 1,
        "block_size": 8,
    }
    layers = {
        "hidden_size": 4096,
        "num_hidden_layers": 1,
        "num_attention_heads": 32,
        "intermediate_size": 4096,
    }
    config = {"architectures": ["LiLiCorrDraftModel"], "model_type": "qwen3", "vocab_size": 128_256, **layers}
    (tmp_path / "config.json").write_text(json.dumps({**config, "dflash_config": own}))
    asked = {"method": "dflash", "model": str(tmp_path), "num_speculative_tokens": 7}
    result = drafted(asked, release, LLAMA)
    assert result.verdict == verdict
    assert result.verdict == "fits" or "0.31.0 is the first that has" in result.message
