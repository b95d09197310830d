"""What a rank holds once the model is loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from example_models import GIB, FixedWeights, llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import ByteRange, exactly
from vllm_costmeter.core.memory.loaded import LoadedRank, loaded_ranks, surely_too_heavy, weights_range
from vllm_costmeter.core.model.drafter import Drafter
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.quantization.named import NamedQuantization
from vllm_costmeter.core.release import release_of

TWO = EngineArgs(layout=ParallelConfig(pipeline_parallel_size=2))
DRAFTS = {"model": "org/draft", "num_speculative_tokens": 2}
NO_SLOTS = exactly(0, "no LoRA slots")


@dataclass(frozen=True)
class RankedWeights(FixedWeights):
    """Bytes by pipeline rank."""

    ranks: tuple[int, ...] = ()

    def bytes_per_pipeline_rank(self, engine_args: EngineArgs, dtype: str) -> tuple[int, ...]:
        return self.ranks

    def converted_bytes_per_pipeline_rank(self, engine_args: EngineArgs, dtype: str) -> tuple[int, ...]:
        """A tenth."""
        return tuple(each // 10 for each in self.ranks)

    def allocator_slack_per_pipeline_rank(self, engine_args: EngineArgs, dtype: str) -> tuple[int, ...]:
        """A hundredth."""
        return tuple(each // 100 for each in self.ranks)


@dataclass(frozen=True)
class SharingDrafter:
    """A drafter whose tables are the model's."""

    def on_gpu(self, gpu: object) -> SharingDrafter:
        return self

    def shared_bytes_on_last_rank(self, engine_args: EngineArgs) -> int:
        return 300

    def bytes_on_last_rank(self, engine_args: EngineArgs) -> int:
        return 700

    def converted_bytes_on_last_rank(self, engine_args: EngineArgs) -> int:
        return 70

    def allocator_slack_on_last_rank(self, engine_args: EngineArgs) -> int:
        return 7


class Counts:
    """vLLM's own counts, which hold for any flags."""

    def holds_for(self, engine_args: EngineArgs) -> bool:
        return True


def ranked(*ranks: int, **changes: Any) -> Model:
    """A model with these bytes on its pipeline ranks."""
    return llama(weights=cast(Any, RankedWeights(0, ranks=ranks)), **changes)


def test_a_draft_model_is_added_to_the_last_rank() -> None:
    """vLLM builds it on the last pipeline rank alone, whole (v1/spec_decode, 0.17 to 0.33)."""
    args = replace(TWO, speculative_config=DRAFTS)
    drafter = Drafter(cast(Any, FixedWeights(1000)), "bfloat16", ())
    with_drafter = loaded_ranks(llama().drafted_by(drafter, DRAFTS), args)
    alone = loaded_ranks(llama(), args)
    added = [one.tensor_bytes - other.tensor_bytes for one, other in zip(with_drafter, alone, strict=True)]
    assert added == [0, 1000]


@pytest.mark.parametrize(
    ("counted", "last"),
    [
        (None, LoadedRank(20_000 + 700, 2000 + 70, 200 + 7, NO_SLOTS)),
        (Counts(), LoadedRank(20_000 - 300, 2000, 200 + 7, NO_SLOTS)),
    ],
)
def test_vllms_own_count_has_the_drafter_already(counted: Any, last: LoadedRank) -> None:
    """With the tables that it deletes later. Otherwise its bytes, layouts and slack are added."""
    model = ranked(10_000, 20_000, drafter=cast(Any, SharingDrafter()), counted=counted)
    assert loaded_ranks(model, TWO) == (LoadedRank(10_000, 1000, 100, NO_SLOTS), last)


def test_a_count_for_another_number_of_ranks_is_a_mistake() -> None:
    """Of three parts and the slots, none may be cut."""
    with pytest.raises(ValueError, match="zip"):
        loaded_ranks(ranked(10_000, 20_000, 30_000), TWO)


def test_expandable_segments_round_nothing() -> None:
    """The slack is in the usual and the highest value alone; layouts in all."""
    beside = LoadedRank(1000, 50, 7, NO_SLOTS).beside
    assert (beside.low_bytes, beside.bytes, beside.high_bytes) == (50, 57, 57)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"weights_error": 0.003}, (997_000, 1_003_000)),
        ({"weights_error": 0.0}, (1_000_000, 1_000_000)),
        ({"weights_error": 0.01, "weights_most_share": 1.5}, (990_000, 1_510_000)),
        ({"weights_error": 0.01, "only_named": NamedQuantization("NVFP4", 0.25)}, (250_000, 1_010_000)),
    ],
)
def test_the_weights_may_differ_as_their_source_does(
    changes: dict[str, Any], expected: tuple[int, int]
) -> None:
    """By its error in both directions, up to the share that may be unquantized, down to the share that a name says."""
    found = weights_range(1_000_000, llama(**changes))
    assert (found.low_bytes, found.bytes, found.high_bytes) == (expected[0], 1_000_000, expected[1])


def test_no_weights_have_no_range() -> None:
    """All of them offloaded."""
    assert weights_range(0, llama()) == ByteRange(0, 0, 0, "every tensor vLLM loads, from config.json")


@pytest.mark.parametrize(
    ("ranks", "flags", "is_too_heavy"),
    [
        ((500,), {"gpu_memory_utilization": 0.5}, False),
        ((501,), {"gpu_memory_utilization": 0.5}, True),
        ((600,), {}, False),
        ((901,), {}, True),
        ((900,), {}, False),
        ((10, 901, 20), {}, True),
        ((901,), {"kv_cache_memory_bytes": 1}, False),
        ((1000,), {"kv_cache_memory_bytes": 1}, False),
        ((1001,), {"kv_cache_memory_bytes": 1}, True),
        ((901 + 3 * GIB,), {"cpu_offload_gb": 3.0}, True),
        ((900 + 3 * GIB,), {"cpu_offload_gb": 3.0}, False),
        ((901,), {"cpu_offload_gb": 3.0}, False),
    ],
)
def test_weights_that_reach_the_budget_are_surely_too_heavy(
    ranks: tuple[int, ...], flags: dict[str, Any], is_too_heavy: bool
) -> None:
    """0.19's 90 % of 1001 bytes, rounded up, or the share that is asked for, or the whole GPU with a reserved pool;
    the heaviest rank decides, less what is offloaded."""
    model = ranked(*ranks, weights_error=0.0)
    gpu = GpuGroup("a GPU", 1001)
    assert surely_too_heavy(model, gpu, EngineArgs(**flags), release_of("0.19.0")) == is_too_heavy


@pytest.mark.parametrize(
    ("offloaded", "resident", "left"),
    [(0, 0, 1000), (400, 0, 600), (400, 700, 700), (2000, 30, 30), (9, 2000, 1000)],
)
def test_what_is_outside_the_layers_stays(offloaded: int, resident: int, left: int) -> None:
    """However much may be offloaded; never more than there is."""
    assert LoadedRank(1000, 50, 7, NO_SLOTS, resident).bytes_left(offloaded) == left


def test_the_drafter_stays_on_the_last_rank_beside_what_is_outside_the_layers() -> None:
    """It is loaded after the model, whose layers use the allowance up first."""
    args = replace(TWO, speculative_config=DRAFTS, cpu_offload_gb=1.0)
    drafter = Drafter(cast(Any, FixedWeights(1000)), "bfloat16", ())
    model = llama(weights=cast(Any, FixedWeights(20_000, resident=300))).drafted_by(drafter, DRAFTS)
    assert [rank.resident_bytes for rank in loaded_ranks(model, args)] == [300, 1300]
    assert [rank.resident_bytes for rank in loaded_ranks(model, replace(args, cpu_offload_gb=0.0))] == [0, 0]


def test_an_allowance_beyond_the_layers_does_not_make_a_model_light() -> None:
    """What is outside them exceeds the budget by itself."""
    gpu, flags = GpuGroup("a GPU", 1001), EngineArgs(cpu_offload_gb=3.0)
    for resident, is_too_heavy in ((900, False), (901, True)):
        model = llama(weights=cast(Any, FixedWeights(5000, resident=resident)), weights_error=0.0)
        assert surely_too_heavy(model, gpu, flags, release_of("0.19.0")) == is_too_heavy


@pytest.mark.parametrize(("counted", "is_too_heavy"), [(1000, False), (1001, True)])
def test_weights_are_too_heavy_only_at_their_lower_bound(counted: int, is_too_heavy: bool) -> None:
    """A tenth less than counted, against 901 bytes."""
    model, gpu = ranked(counted, weights_error=0.1), GpuGroup("a GPU", 1001)
    assert surely_too_heavy(model, gpu, EngineArgs(), release_of("0.19.0")) == is_too_heavy
