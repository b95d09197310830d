"""What each verdict promises, over many deployments."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import ADA, GIB, llama
from hypothesis import given, settings
from hypothesis import strategies as st

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.fit.verdict import WIDEST_SHARE
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.quantization.named import NamedQuantization
from vllm_costmeter.core.release import release_of

NAMED = NamedQuantization("NVFP4", 0.25)
VERSIONS = [f"0.{minor}.0" for minor in range(17, 34)]
GPUS = [
    GpuGroup(name, round(memory * GIB), compute_capability=capability)
    for name, memory, capability in (
        ("RTX 4090", 23.64, (8, 9)),
        ("RTX 4060", 7.62, (8, 9)),
        ("H100 SXM", 79.19, (9, 0)),
        ("GB10", 121.69, (12, 1)),
        ("Jetson Orin Nano 8GB", 7.37, (8, 7)),
        ("B200 SXM", 178.3, (10, 0)),
        ("MI300X", 191.98, None),
    )
]


def model_of(gib: float, is_named: bool, has_cache: bool) -> Model:
    """A Llama, an embedding model without KV cache, and each with weights that only a name describes."""
    model = llama(gib, only_named=NAMED if is_named else None)
    if has_cache:
        return model
    return replace(model, attention=replace(model.attention, layers=()), is_pooling=True)


MODELS = st.builds(model_of, st.floats(0.1, 400), st.booleans(), st.booleans())
ASKED = st.builds(
    EngineArgs,
    max_model_len=st.sampled_from([None, -1, 1, 16, 2048, 40_000, 131_072]),
    gpu_memory_utilization=st.sampled_from([None, 0.05, 0.3, 0.7, 0.9, 0.95, 0.99, 1.0]),
    max_num_seqs=st.sampled_from([None, 1, 64, 1024]),
    kv_cache_memory_bytes=st.sampled_from([None, None, None, 1, 4 * GIB, 60 * GIB]),
    enforce_eager=st.booleans(),
)


def answer(model: Model, gpu: GpuGroup, version: str, asked: EngineArgs) -> Fit | None:
    """The result, or None for flags that contradict each other and where no byte is known."""
    try:
        found = fit(model, gpu, asked, release_of(version))
    except BadInputError:
        return None
    return None if found.per_gpu is None else found


@settings(max_examples=400, deadline=None)
@given(MODELS, st.sampled_from(GPUS), st.sampled_from(VERSIONS), ASKED)
def test_words_hold_their_promise(model: Model, gpu: GpuGroup, version: str, asked: EngineArgs) -> None:
    """`fits`: the usual pool holds the context and is positive. A wide range that decides is `unknown`, not `tight`."""
    result = answer(model, gpu, version, asked)
    if result is None:
        return
    assert result.per_gpu is not None
    assert result.kv_cache_available_range_bytes is not None
    use, (low, _) = result.per_gpu, result.kv_cache_available_range_bytes
    has_cache = bool(model.attention.layers)
    span = use.weights_bytes * (1 - NAMED.least_share) if model.only_named is not None else 0
    is_wide = span > WIDEST_SHARE * gpu.memory_bytes * result.engine.gpu_memory_utilization
    if result.verdict == "fits":
        assert use.kv_cache_available_bytes >= use.kv_cache_needed_bytes
        assert use.kv_cache_available_bytes > 0 or not has_cache
        assert low >= use.kv_cache_needed_bytes or not has_cache
        assert result.above_budget is not None
        assert not result.above_budget.usually_exceeds
    if result.verdict == "tight" and is_wide and has_cache:
        assert use.kv_cache_available_bytes >= use.kv_cache_needed_bytes
    if result.verdict == "unknown":
        assert is_wide


@pytest.mark.parametrize("share", [0.9, 1.0])
def test_a_wide_range_is_unknown_before_any_tight_word(share: float) -> None:
    """Too little free memory, or a reserved pool, is no verdict on weights between 40 and 160 GiB."""
    h100 = replace(ADA, name="H100 SXM", memory_bytes=round(79.19 * GIB), compute_capability=(9, 0))
    model = llama(160.0, only_named=NAMED)
    free = EngineArgs(max_model_len=2048, gpu_memory_utilization=share)
    reserved = EngineArgs(max_model_len=2048, kv_cache_memory_bytes=4 * GIB)
    for asked in (free, reserved):
        result = fit(model, h100, asked, release_of("0.32.0"))
        assert result.verdict in ("unknown", "refused")
    assert fit(model, h100, reserved, release_of("0.32.0")).verdict == "unknown"


def test_auto_without_room_names_no_length() -> None:
    """vLLM stops where not one token fits; "1 tokens" would be a length that nobody asked for."""
    auto = EngineArgs(max_model_len=-1)
    between = replace(ADA, memory_bytes=round(18 * GIB))
    result = fit(llama(), between, auto, release_of("0.32.0"))
    assert (result.verdict, result.engine.max_model_len) == ("tight", 0)
    assert result.message.startswith("--max-model-len auto may find room for no token: 0.00 to ")
    small = replace(ADA, memory_bytes=round(16.5 * GIB))
    result = fit(llama(), small, auto, release_of("0.32.0"))
    assert (result.verdict, result.reason) == ("refused", "kv_cache")
    assert result.message.startswith("not one token of context fits")


def test_auto_keeps_the_batch_of_the_models_own_length() -> None:
    """vLLM chooses the batch and profiles before it reduces the length."""
    tight = replace(ADA, memory_bytes=round(18.5 * GIB))
    result = fit(llama(), tight, EngineArgs(max_model_len=-1), release_of("0.32.0"))
    assert result.engine.max_num_batched_tokens == 2048
