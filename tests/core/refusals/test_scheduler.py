"""Batch limits that contradict the context length or each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from refused_starts import arguments, judged

from vllm_costmeter.api import check

LLAMA = "meta-llama__Llama-3.1-8B-Instruct"
BGE = {
    "architectures": ["XLMRobertaModel"],
    "model_type": "xlm-roberta",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "max_position_embeddings": 8194,
    "type_vocab_size": 1,
    "vocab_size": 250002,
    "pad_token_id": 1,
    "torch_dtype": "float32",
}
"""Published numbers of BAAI/bge-m3, an encoder that reads a prompt in one step."""


@pytest.mark.parametrize("release", ["0.17.0", "0.26.0", "0.33.0"])
def test_a_prompt_in_one_step_needs_a_step_of_its_length(release: str) -> None:
    """Without chunked prefill; a batch of the length starts, and so does the default, which is raised to it."""
    flags: dict[str, Any] = {"enable_chunked_prefill": False, "release": release}
    result = judged(LLAMA, max_num_batched_tokens=4096, **flags)
    assert (result.verdict, result.reason) == ("refused", "max_num_batched_tokens")
    assert arguments(result) == [
        "--enable-chunked-prefill",
        "--max-model-len 4096",
        "--max-num-batched-tokens 8192",
    ]
    assert judged(LLAMA, max_num_batched_tokens=8192, **flags).verdict == "fits"
    assert judged(LLAMA, max_model_len=32768, **flags).engine.max_num_batched_tokens == 32768


def test_an_encoder_reads_every_prompt_in_one_step(tmp_path: Path) -> None:
    """No flag can let it read one in several, and the default step holds the longest."""
    (tmp_path / "config.json").write_text(json.dumps(BGE))
    model, release = str(tmp_path), "0.33.0"
    result = check(model, "L4", max_num_batched_tokens=4096, vllm_version=release)
    assert (result.verdict, result.reason) == ("refused", "max_num_batched_tokens")
    assert "--enable-chunked-prefill" not in arguments(result)
    assert (
        check(model, "L4", vllm_version=release).engine.max_num_batched_tokens == result.engine.max_model_len
    )
    assert check(model, "L4", vllm_version=release, runner="generate").reason == "runner"


@pytest.mark.parametrize(
    ("release", "threshold", "verdict"),
    [
        ("0.26.0", 9000, "fits"),
        ("0.27.0", 9000, "refused"),
        ("0.33.0", 8192, "fits"),
        ("0.33.0", 8193, "refused"),
    ],
)
def test_a_long_prompt_is_no_longer_than_the_context(release: str, threshold: int, verdict: str) -> None:
    """--long-prefill-token-threshold, compared from 0.27."""
    assert judged(LLAMA, release=release, long_prefill_token_threshold=threshold).verdict == verdict


@pytest.mark.parametrize(
    ("release", "active", "verdict"),
    [("0.30.0", 64, "fits"), ("0.31.0", 64, "refused"), ("0.31.0", 32, "fits")],
)
def test_no_more_sequences_are_active_than_there_are(release: str, active: int, verdict: str) -> None:
    """--max-num-active-seqs above --max-num-seqs, from 0.31."""
    assert judged(LLAMA, release=release, max_num_active_seqs=active, max_num_seqs=32).verdict == verdict


@pytest.mark.parametrize(("largest", "verdict"), [(8, "refused"), (4, "fits")])
def test_the_largest_graph_is_the_stated_maximum(largest: int, verdict: str) -> None:
    """Both flags given, and not without graphs."""
    flags: dict[str, Any] = {"cudagraph_capture_sizes": (1, 2, 4), "max_cudagraph_capture_size": largest}
    result = judged(LLAMA, **flags)
    assert result.verdict == verdict
    assert judged(LLAMA, enforce_eager=True, **flags).verdict == "fits"
    if verdict == "refused":
        assert arguments(result) == ["--max-cudagraph-capture-size 4"]
