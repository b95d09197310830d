"""What a layer holds while it runs, to the byte."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from activation_peaks import H100, peak, sized
from example_models import GIB, llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.memory.byte_range import ByteRange
from vllm_costmeter.core.memory.layer_peak import (
    LENGTH_OF_FULL_CONTEXT,
    Workload,
    depends_on_length,
    layer_peak,
    warmed_modules,
    workload,
)
from vllm_costmeter.core.model.attention import Cache, FullAttention, GatedDeltaState, MlaLatent
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import release_of

ATTENTION = FullAttention(num_kv_heads=8, head_size=128)
LATENT = MlaLatent(kv_lora_rank=100, qk_rope_head_dim=30, qk_nope_head_dim=70, v_head_dim=50)
DELTA = GatedDeltaState(num_k_heads=4, num_v_heads=8, head_k_dim=16, head_v_dim=32, conv_kernel=4)
TWO_RANKS = Workload(100, 8, 2, 2, has_sampler=True, is_last_rank=True)
"""100 tokens of 16 bits."""


def caching(model: Model, *caches: Cache) -> Model:
    """The model with one layer of each."""
    return replace(model, attention=replace(model.attention, layers=tuple((each,) for each in caches)))


def layer(model: Model, work: Workload = TWO_RANKS, version: str = "0.32.0", **flags: Any) -> ByteRange:
    """The widest layer's peak."""
    args = EngineArgs(**flags)
    return layer_peak(model, resolve_engine(model, H100, args, release_of(version)), args, work)


def ends(found: ByteRange) -> tuple[int, int, int]:
    """(low, usual, high)."""
    return found.low_bytes, found.bytes, found.high_bytes


@pytest.mark.parametrize(
    ("inner", "expected"),
    [(6000, (1_760_000, 2_200_000, 3_080_000)), (3000, (1_139_200, 1_424_000, 1_993_600))],
)
def test_a_dense_layer_holds_its_wider_half(inner: int, expected: tuple[int, int, int]) -> None:
    """Two hidden vectors, and gate, up and product of the feed-forward layer or 40 heads of 128 twice, split by two
    ranks: 200 x (2000 + 9000) and 200 x (2000 + 5120); 0.8 to 1.4 times as much."""
    assert ends(layer(sized(1000, 8, inner))) == expected


def latent(**sizes: int) -> Model:
    """Eight heads of latent attention, and a hidden size of 1000."""
    model = sized(1000, 8)
    return caching(
        replace(model, sizes=replace(model.sizes, num_attention_heads=8, **sizes)), ATTENTION, LATENT
    )


@pytest.mark.parametrize(
    ("flags", "usual", "most"),
    [
        ({"max_model_len": 1024, "max_num_seqs": 8}, 8192, 8192),
        ({"max_model_len": 8191, "max_num_seqs": 8}, 65_528, 65_528),
        ({"max_model_len": 8193, "max_num_seqs": 8}, 65_536, 65_536),
        ({"max_model_len": 16, "max_num_seqs": 64}, 16_384, 32_768),
        ({"max_model_len": 16, "max_num_seqs": 64, "block_size": 32}, 8192, 8192),
        ({"max_model_len": 16, "max_num_seqs": 2048}, 131_072, 262_144),
    ],
)
def test_latent_attention_projects_its_prefill_context(flags: dict[str, Any], usual: int, most: int) -> None:
    """Tokens of eight whole requests or of four blocks of 64 to 128 per sequence, up to 65,536, but no less than a
    block per sequence: 960 bytes each, of four heads of 70 + 50 values. Beside them 100 x (2000 + 4 x 150 + 130)
    values."""
    own = 2 * 100 * (2000 + 600 + 130)
    found = layer(latent(), max_num_batched_tokens=2048, **flags)
    assert ends(found) == (960 * usual + own // 2, 960 * usual + own, 960 * most + round(1.4 * own))


def test_a_rank_has_a_head_at_least() -> None:
    """Of eight heads on sixteen ranks; its layer holds 100 x (2000 + 150 + 130) values."""
    found = layer(latent(), replace(TWO_RANKS, tensor_parallel_size=16), max_model_len=1024, max_num_seqs=8)
    assert found.bytes == 8192 * 2 * 120 + 2 * 100 * (2000 + 150 + 130)


def test_the_length_counts_in_latent_attention_alone() -> None:
    """Below 8192 tokens, an eighth of the limit."""
    assert LENGTH_OF_FULL_CONTEXT == 8192
    assert depends_on_length(latent())
    assert not depends_on_length(llama())


def narrow(*caches: Cache) -> Model:
    """A hidden size of 100 and one head of 16: 200 x (200 + 16) bytes, less than its state's layer."""
    model = sized(100, 8)
    sizes = replace(model.sizes, num_attention_heads=1, num_key_value_heads=0, head_size=16)
    return caching(replace(model, sizes=sizes), *caches)


@pytest.mark.parametrize(("version", "tuning"), [("0.17.1", 0), ("0.18.0", GIB // 4), ("0.32.0", GIB // 4)])
def test_a_gated_delta_net_holds_its_projections_and_its_output(version: str, tuning: int) -> None:
    """640 values of q, k, v and z, and 256 of the output once or twice, split by two ranks, beside two hidden vectors;
    from 0.18 on Triton's buffer of 256 MiB. A recurrence widens a hybrid's range by 40 bytes per hidden value."""
    least, usual = 200 * (200 + 448), 200 * (200 + 576) + tuning
    model = narrow(ATTENTION, DELTA)
    assert ends(layer(model, version=version)) == (least, usual, usual)
    hybrid = replace(model, is_hybrid=True)
    assert ends(layer(hybrid, version=version)) == (least, usual, usual + 40 * 100 * 100)


@pytest.mark.parametrize(
    ("model", "version", "most"),
    [
        (narrow(ATTENTION, DELTA), "0.17.1", 0),
        (narrow(ATTENTION, DELTA), "0.18.0", round(0.4 * GIB)),
        (narrow(ATTENTION), "0.18.0", 0),
    ],
)
def test_tuning_leaves_kernel_code_behind(model: Model, version: str, most: int) -> None:
    """0.4 GiB at most, where a model has a gated delta net."""
    assert ends(warmed_modules(model, release_of(version).number)) == (0, 0, most)


@pytest.mark.parametrize(
    ("is_last", "is_pooling", "samples"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_the_profiled_batch_is_the_largest(is_last: bool, is_pooling: bool, samples: bool) -> None:
    """One row of logits per sequence, on the last rank of a model that generates."""
    model = replace(llama(), is_pooling=is_pooling)
    args = EngineArgs(layout=ParallelConfig(2), dtype="float32", max_num_seqs=16, max_num_batched_tokens=2048)
    engine = resolve_engine(model, H100, args, release_of("0.32.0"))
    assert workload(model, engine, is_last_rank=is_last) == Workload(2048, 16, 4, 2, samples, is_last)


def test_a_layer_of_attention_holds_queries_keys_and_values_twice() -> None:
    """Before and after the rotation; a wider feed-forward layer would hide it. One more KV head is two more of them."""
    few = {"max_num_seqs": 1, "max_num_batched_tokens": 8192}
    thin = sized(1024, 8, 0)
    wide = replace(thin, sizes=replace(thin.sizes, num_key_value_heads=thin.sizes.num_key_value_heads + 1))
    more = peak(wide, "0.32.0", **few).bytes - peak(thin, "0.32.0", **few).bytes
    assert more == 2 * 8192 * 2 * thin.sizes.head_size
