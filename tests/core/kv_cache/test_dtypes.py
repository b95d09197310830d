"""Bytes of one key and value in every cache dtype vLLM lists."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.kv_cache.dtypes import (
    KV_CACHE_DTYPES,
    StateFormat,
    check_kv_cache_dtype,
    dtype_bytes,
    element_bytes,
    is_quantized,
    key_value_bytes,
    latent_bytes,
)


@pytest.mark.parametrize(
    ("kv_dtype", "equal", "unequal"),
    [
        ("auto", 512, 400),
        ("bfloat16", 512, 400),
        ("float16", 512, 400),
        ("fp8", 256, 200),
        ("fp8_e4m3", 256, 200),
        ("fp8_e5m2", 256, 200),
        ("fp8_inc", 256, 200),
        ("int8_per_token_head", 264, 208),
        ("fp8_per_token_head", 264, 208),
        ("int4_per_token_head", 136, 108),
        ("nvfp4", 144, 112),
        ("nvfp4_4over6", 144, 112),
        ("turboquant_k8v4", 196, 168),
        ("turboquant_4bit_nc", 134, 106),
        ("turboquant_k3v4_nc", 118, 90),
        ("turboquant_3bit_nc", 102, 82),
    ],
)
def test_a_head_costs_what_the_backend_packs(kv_dtype: str, equal: int, unequal: int) -> None:
    """Keys of 128 with values of 128 and of 72: scales (4 bytes each per token and head, one per 16 values of NVFP4)
    and TurboQuant's norms (2 and 4) are stored beside the values and count."""
    assert key_value_bytes(128, 128, kv_dtype, "bfloat16") == equal
    assert key_value_bytes(128, 72, kv_dtype, "bfloat16") == unequal


@pytest.mark.parametrize(
    ("kv_dtype", "expected"),
    [
        ("auto", 1152),
        ("bfloat16", 1152),
        ("fp8", 576),
        ("fp8_e4m3", 576),
        ("fp8_ds_mla", 656),
        ("nvfp4_ds_mla", 352),
    ],
)
def test_a_latent_of_576_values_is_plain_or_an_opaque_row(kv_dtype: str, expected: int) -> None:
    """Two bytes, one byte, or what `mla_attention.py` of vLLM 0.32 says of its packed rows."""
    assert latent_bytes(576, kv_dtype, "bfloat16") == expected


@pytest.mark.parametrize(
    "kv_dtype", ["int8_per_token_head", "nvfp4", "turboquant_k8v4", "ultraquant_4bit", "octave_k3v4"]
)
def test_other_formats_have_no_latent_backend(kv_dtype: str) -> None:
    """Formats of keys and values per head are not read by MLA."""
    with pytest.raises(NotUnderstoodError, match=kv_dtype):
        latent_bytes(576, kv_dtype, "bfloat16")


def test_every_listed_dtype_has_an_answer_or_a_reason() -> None:
    """No listed dtype falls through to a wrong size or a traceback."""
    octave = {"octave_k3v4", "octave_k3v3", "octave_k3v3_compact"}
    opaque = {"fp8_ds_mla", "nvfp4_ds_mla", "ultraquant_4bit", *octave}
    assert opaque <= set(KV_CACHE_DTYPES)
    assert all(key_value_bytes(128, 128, name, "bfloat16") > 0 for name in set(KV_CACHE_DTYPES) - opaque)
    for name in opaque:
        with pytest.raises(NotUnderstoodError, match=name):
            key_value_bytes(128, 128, name, "bfloat16")


def test_a_float_dtype_has_a_width_and_any_other_none() -> None:
    """An unknown dtype is unknown, not two bytes."""
    assert dtype_bytes("torch.float32") == 4
    assert element_bytes("auto", "float32") == element_bytes("float32", "bfloat16") == 4
    with pytest.raises(NotUnderstoodError):
        dtype_bytes("float8")


def test_a_slot_of_turboquant_is_an_even_number_of_bytes() -> None:
    """72 values: 27 bytes of keys in 3 bits, their norm of 2; 36 of values in 4 bits, scale and zero of 4: 69, so 70
    (`slot_size_aligned` of TurboQuantConfig, vLLM 0.32)."""
    assert key_value_bytes(72, 72, "turboquant_k3v4_nc", "bfloat16") == 70


def test_float_formats_are_not_quantized() -> None:
    """`auto` is the model's dtype."""
    assert [name for name in KV_CACHE_DTYPES if not is_quantized(name)] == ["auto", "float16", "bfloat16"]


def test_a_dtype_that_vllm_does_not_list_is_refused() -> None:
    """And a listed one is not."""
    for name in KV_CACHE_DTYPES:
        check_kv_cache_dtype(name)
    with pytest.raises(BadInputError, match="nearest: nvfp4"):
        check_kv_cache_dtype("nvfp5")


@pytest.mark.parametrize(
    ("cache", "ssm", "checkpoint", "window_bytes", "matrix_bytes"),
    [
        ("auto", "auto", None, 2, 2),
        ("auto", "auto", "float32", 2, 4),
        ("float32", "auto", None, 4, 4),
        ("float32", "auto", "bfloat16", 4, 2),
        ("auto", "float32", None, 2, 4),
        ("auto", "bfloat16", "float32", 2, 2),
    ],
)
def test_states_are_stored_as_flags_checkpoint_and_model_say(
    cache: str, ssm: str, checkpoint: str | None, window_bytes: int, matrix_bytes: int
) -> None:
    """The window: its flag, else the model's dtype. The matrix: its flag, else the checkpoint's, else the window's."""
    form = StateFormat("bfloat16", cache, ssm)
    assert (form.conv_bytes, form.recurrent_bytes(checkpoint)) == (window_bytes, matrix_bytes)
