"""--dtype that the GPU or the model does not support."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.api import check
from vllm_costmeter.core.fit.result import Fit

MODELS = Path(__file__).parents[2] / "data" / "models"
GEMMA_2, SMALL = MODELS / "google__gemma-2-27b-it", MODELS / "Qwen__Qwen3-1.7B"


def judged(model: Path, gpu: str, **flags: Any) -> Fit:
    return check(str(model), gpu, **{"max_model_len": 2048, "vllm_version": "0.33.0", **flags})


@pytest.mark.parametrize("release", ["0.17.0", "0.23.0", "0.33.0"])
def test_bfloat16_is_refused_where_the_gpu_has_none(release: str) -> None:
    """Turing has no bfloat16; the suggestion lets vLLM choose, and fits."""
    result = judged(SMALL, "T4", dtype="bfloat16", vllm_version=release)
    assert (result.verdict, result.reason) == ("refused", "compute_capability")
    assert result.suggestions[0].change == {"dtype": "auto"}
    assert judged(SMALL, "T4", vllm_version=release).engine.dtype == "float16"
    assert judged(SMALL, "A10", dtype="bfloat16", vllm_version=release).verdict == "fits"


@pytest.mark.parametrize(("gpu", "verdict"), [("H200 SXM", "refused"), ("T4:16", "refused")])
def test_float16_is_refused_for_models_that_overflow_in_it(gpu: str, verdict: str) -> None:
    """Gemma 2 in float16 is stopped on every GPU; bfloat16 and float32 are not."""
    result = judged(GEMMA_2, gpu, dtype="float16")
    assert (result.verdict, result.reason) == (verdict, "dtype")
    assert judged(GEMMA_2, "H200 SXM", dtype="bfloat16").verdict == "fits"


def test_such_models_take_twice_the_weights_on_a_gpu_without_bfloat16() -> None:
    """`auto` is float32 there, and float16 for every other model."""
    on_turing = judged(GEMMA_2, "T4:16", tensor_parallel_size=16)
    on_ampere = judged(GEMMA_2, "A100 80GB SXM", tensor_parallel_size=16)
    assert (on_turing.engine.dtype, on_ampere.engine.dtype) == ("float32", "bfloat16")
    assert on_turing.per_gpu is not None
    assert on_ampere.per_gpu is not None
    assert on_turing.per_gpu.weights_bytes == pytest.approx(2 * on_ampere.per_gpu.weights_bytes, rel=0.01)
    assert judged(SMALL, "T4").engine.dtype == "float16"
