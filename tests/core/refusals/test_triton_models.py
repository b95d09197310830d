"""Step 1 and Rnj-1 start on TRITON_ATTN alone, and the check says so (vLLM 0.32 answered the same, 2026-11)."""

from __future__ import annotations

from typing import Any

import pytest

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import model_from_config

H100 = GpuGroup("H100 SXM", round(79.19 * 2**30), compute_capability=(9, 0))
STEP1: dict[str, Any] = {
    "architectures": ["Step1ForCausalLM"],
    "hidden_size": 256,
    "intermediate_size": 640,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_attention_groups": 2,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
    "dtype": "bfloat16",
}


@pytest.mark.parametrize(
    ("backend", "verdict"),
    [(None, "refused"), ("FLASH_ATTN", "refused"), ("FLASHINFER", "refused"), ("TRITON_ATTN", "fits")],
)
def test_a_model_of_one_backend_is_refused_on_others(backend: str | None, verdict: str) -> None:
    """The backend that vLLM takes by itself is one of the others."""
    found = fit(
        model_from_config(STEP1, "step"), H100, EngineArgs(attention_backend=backend), release_of("0.32.0")
    )
    assert found.verdict == verdict
