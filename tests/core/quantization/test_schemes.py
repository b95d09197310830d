"""Bytes of one layer under each quantization scheme."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import ExpertsShape, LinearShape
from vllm_costmeter.core.quantization.scheme import PLAIN, Scheme
from vllm_costmeter.core.quantization.schemes.fp4 import Mxfp4, Mxfp8, Nvfp4
from vllm_costmeter.core.quantization.schemes.fp8 import EightBitPerChannel, EightBitPerTensor, Fp8PerBlock
from vllm_costmeter.core.quantization.schemes.integer import BitsAndBytes, Grouped, compressed_integers


def linear(inputs: int = 4096, *outputs: int, divided: bool = False) -> LinearShape:
    sizes = outputs or (4096, 1024, 1024)
    return LinearShape(inputs, sizes, inputs * (2 if divided else 1), divided, False, 2, "qkv_proj")


def experts(
    intermediate: int = 768, *, hidden: int = 2048, ways: int = 1, bias: bool = False
) -> ExpertsShape:
    return ExpertsShape(128, hidden, intermediate, True, bias, ways, 2, "experts")


VALUES = 4096 * 6144


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (PLAIN, 2 * VALUES),
        (EightBitPerTensor(), VALUES + 3 * 4),
        (EightBitPerTensor(static_input=True), VALUES + 6 * 4),
        (EightBitPerChannel(), VALUES + 6144 * 4),
        (Fp8PerBlock(), VALUES + 48 * 32 * 4),
        (Fp8PerBlock(scale_bytes=1), VALUES + 48 * 32),
        (Nvfp4(), VALUES // 2 + VALUES // 16 + 3 * 8),
        (Mxfp4(), 2 * VALUES),
        (Mxfp8(), VALUES + VALUES // 32),
        (Grouped(4, 128, zero_points=True), VALUES // 2 + 32 * 6144 * 2 + 32 * 6144 // 2),
        (compressed_integers(4, 32, symmetric=True), VALUES // 2 + 128 * 6144 * 2 + 16),
        (Grouped(8, None, zero_points=False), VALUES + 6144 * 2),
        (BitsAndBytes(4), VALUES // 2 + VALUES // 64 * 4),
    ],
)
def test_a_linear_weighs_its_values_and_scales(scheme: Scheme, expected: int) -> None:
    """Sums as vLLM's `create_weights` allocates them, for Llama 8B's fused queries, keys and values."""
    assert sum(scheme.linear_tensors(linear())) == expected


def test_gptq_with_activation_order_keeps_all_scales_on_every_rank() -> None:
    """Half of a row-parallel layer has half the values but the scales of the whole, and an index per input."""
    shape = linear(2048, 4096, divided=True)
    tensors = Grouped(4, 128, zero_points=False, activation_order=True).linear_tensors(shape)
    assert tensors == (2048 * 4096 // 2, 32 * 4096 * 2, 0, 2048 * 4, 0)


def test_a_share_that_cuts_a_group_is_refused() -> None:
    """vLLM refuses it, so it is bad input and not a number."""
    with pytest.raises(BadInputError, match="group of 128"):
        Grouped(4, 128, zero_points=False).linear_tensors(linear(4096 + 64))
    with pytest.raises(BadInputError, match="cuts through FP8 blocks"):
        Fp8PerBlock().linear_tensors(linear(96, 4096, divided=True))


def test_fp8_experts_get_finer_blocks_where_a_share_cuts_them() -> None:
    """768 over 8 ranks is 96: blocks of 32 x 32; 768 whole keeps 128 x 128."""
    whole = Fp8PerBlock().experts_tensors(experts())
    cut = Fp8PerBlock().experts_tensors(experts(96, ways=8))
    assert whole[2:] == (128 * 2 * 6 * 16 * 4, 128 * 16 * 6 * 4)
    assert cut[2:] == (128 * 2 * 3 * 64 * 4, 128 * 64 * 3 * 4)


def test_mxfp4_experts_are_padded_to_64() -> None:
    """gpt-oss's 2880 over 8 ranks is 360, held as 384, its bias too."""
    up, down, up_scales, down_scales, bias = Mxfp4().experts_tensors(experts(360, hidden=2880, bias=True))
    assert (up, down) == (128 * 768 * 1440, 128 * 2880 * 192)
    assert (up_scales, down_scales) == (128 * 768 * 90, 128 * 2880 * 12)
    assert bias == 128 * 2 * 24 * 2


@given(
    st.integers(1, 64), st.integers(1, 64), st.sampled_from([Nvfp4(), Fp8PerBlock(), EightBitPerChannel()])
)
def test_quantized_is_lighter_than_plain(rows: int, columns: int, scheme: Scheme) -> None:
    """Whatever the shape, at multiples of 128."""
    shape = linear(128 * columns, 128 * rows)
    assert sum(scheme.linear_tensors(shape)) < sum(PLAIN.linear_tensors(shape))
