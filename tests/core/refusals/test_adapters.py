"""--enable-lora that the model's class or the other flags do not allow."""

from __future__ import annotations

from typing import Any

import pytest
from refused_starts import arguments, judged

LLAMA = "meta-llama__Llama-3.1-8B-Instruct"


@pytest.mark.parametrize(
    ("model", "release", "verdict"),
    [
        ("nvidia__Gemma-4-31B-IT-NVFP4", "0.19.1", "refused"),
        ("nvidia__Gemma-4-31B-IT-NVFP4", "0.20.0", "fits"),
        ("nvidia__Kimi-K2.5-NVFP4", "0.33.0", "refused"),
        (LLAMA, "0.17.0", "fits"),
    ],
)
def test_adapters_need_a_class_that_takes_them(model: str, release: str, verdict: str) -> None:
    """The line names the first release that has it, or says that none has."""
    flags: dict[str, Any] = {"enable_lora": True, "tensor_parallel_size": 8, "max_num_batched_tokens": 4096}
    result = judged(model, "B200 SXM:8", release, **flags)
    assert result.verdict == verdict
    if verdict == "refused":
        assert result.reason == "adapters"
        assert ("0.20.0 is the first" in result.message) == ("Gemma" in model)


def test_transformers_own_code_takes_adapters() -> None:
    """--model-impl transformers serves another class."""
    flags: dict[str, Any] = {"enable_lora": True, "tensor_parallel_size": 8}
    model = "nvidia__Kimi-K2.5-NVFP4"
    assert judged(model, "B200 SXM:8", model_impl="transformers", **flags).verdict != "refused"


@pytest.mark.parametrize(("kept", "verdict"), [(2, "refused"), (4, "fits"), (None, "fits"), (0, "fits")])
def test_the_host_keeps_at_least_what_a_batch_uses(kept: int | None, verdict: str) -> None:
    """--max-cpu-loras below --max-loras."""
    result = judged(LLAMA, enable_lora=True, max_loras=4, max_cpu_loras=kept)
    assert result.verdict == verdict
    if verdict == "refused":
        assert arguments(result) == ["--max-cpu-loras 4", "--max-loras 2"]


@pytest.mark.parametrize(("tokens", "verdict"), [(7, "fits"), (8, "refused")])
def test_a_step_holds_the_draft_tokens_of_all_sequences(tokens: int, verdict: str) -> None:
    """Adapters with speculative decoding: 256 sequences of 9 tokens exceed 2,048, of 8 they do not."""
    asked = {"method": "ngram", "num_speculative_tokens": tokens}
    flags: dict[str, Any] = {"max_num_seqs": 256, "max_num_batched_tokens": 2048, "speculative_config": asked}
    result = judged(LLAMA, enable_lora=True, **flags)
    assert result.verdict == verdict
    assert judged(LLAMA, **flags).verdict == "fits"
    if verdict == "refused":
        assert arguments(result) == ["--max-num-seqs 227", "--max-num-batched-tokens 2304"]
