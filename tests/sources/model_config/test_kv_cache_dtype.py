"""The dtype of the KV cache that a quantized checkpoint asks for."""

from __future__ import annotations

from typing import Any

import pytest

from vllm_costmeter.sources.model_config.quantization.kv_cache_dtype import checkpoint_kv_cache_dtype
from vllm_costmeter.sources.model_config.reader import ConfigReader


@pytest.mark.parametrize(
    ("quantization", "expected"),
    [
        ({"quant_method": "modelopt", "kv_cache_quant_algo": "FP8"}, "fp8_e4m3"),
        ({"quant_method": "modelopt_fp4", "quantization": {"kv_cache_quant_algo": "NVFP4"}}, "nvfp4"),
        (
            {
                "quant_method": "modelopt",
                "kv_cache_scheme": {"dynamic": False, "num_bits": 8, "type": "float"},
            },
            "fp8_e4m3",
        ),
        ({"quant_method": "compressed-tensors", "kv_cache_scheme": {"num_bits": 8}}, "fp8"),
        ({"quant_method": "compressed-tensors", "kv_cache_scheme": None}, None),
        ({"quant_method": "fp8"}, None),
    ],
)
def test_a_quantized_checkpoint_may_ask_for_its_cache_dtype(
    quantization: dict[str, Any], expected: str | None
) -> None:
    """ModelOpt and llm-compressor say so in the quantization section; others never do."""
    reader = ConfigReader({"quantization_config": quantization})
    assert checkpoint_kv_cache_dtype(reader, reader) == expected
