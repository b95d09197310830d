"""Bytes of one key and value in every cache dtype vLLM lists."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.kv_cache.dtypes import KV_CACHE_DTYPES, dtype_bytes, key_value_bytes, latent_bytes


@pytest.mark.parametrize(
    ("kv_dtype", "expected"),
    [
        ("auto", 512),
        ("bfloat16", 512),
        ("fp8", 256),
        ("fp8_e5m2", 256),
        ("int8_per_token_head", 264),
        ("fp8_per_token_head", 264),
        ("int4_per_token_head", 136),
        ("nvfp4", 144),
        ("turboquant_k8v4", 196),
        ("turboquant_4bit_nc", 134),
        ("turboquant_k3v4_nc", 118),
        ("turboquant_3bit_nc", 102),
    ],
)
def test_a_head_of_128_costs_what_the_backend_packs(kv_dtype: str, expected: int) -> None:
    """Scales and norms are stored beside the values and count."""
    assert key_value_bytes(128, 128, kv_dtype, "bfloat16") == expected


def test_latents_take_plain_and_packed_formats_only() -> None:
    """576 values: two bytes, one byte, or an opaque packed row; other formats have no latent backend."""
    assert latent_bytes(576, "auto", "bfloat16") == 1152
    assert latent_bytes(576, "fp8", "bfloat16") == 576
    assert latent_bytes(576, "fp8_ds_mla", "bfloat16") == 656
    with pytest.raises(NotUnderstoodError):
        latent_bytes(576, "int8_per_token_head", "bfloat16")


def test_every_listed_dtype_has_an_answer_or_a_reason() -> None:
    """No listed dtype falls through to a wrong size or a traceback."""
    opaque = {"fp8_ds_mla", "nvfp4_ds_mla", "ultraquant_4bit"}
    assert all(key_value_bytes(128, 128, name, "bfloat16") > 0 for name in set(KV_CACHE_DTYPES) - opaque)
    for name in opaque:
        with pytest.raises(NotUnderstoodError, match=name):
            key_value_bytes(128, 128, name, "bfloat16")


def test_a_float_dtype_has_a_width_and_any_other_none() -> None:
    """An unknown dtype is unknown, not two bytes."""
    assert dtype_bytes("torch.float32") == 4
    with pytest.raises(NotUnderstoodError):
        dtype_bytes("float8")


def test_a_slot_of_turboquant_is_an_even_number_of_bytes() -> None:
    """72 values: 27 bytes of keys in 3 bits, their norm of 2; 36 of values in 4 bits, scale and zero of 4: 69, so 70
    (`slot_size_aligned` of TurboQuantConfig, vLLM 0.32)."""
    assert key_value_bytes(72, 72, "turboquant_k3v4_nc", "bfloat16") == 70
