"""The sentences of the verdicts, with their amounts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import ADA, llama
from stated_sizing import LENGTH, above, at_length, blank, cache, memory, rank, sizing

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit import messages
from vllm_costmeter.core.fit.result import Verdict
from vllm_costmeter.core.gpu.group import GpuGroup, GpuPrice, GpuProcess
from vllm_costmeter.core.kv_cache.graph_blocks import BlocksNeeded
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.quantization.named import NamedQuantization

TWO = EngineArgs(layout=ParallelConfig(tensor_parallel_size=2), max_model_len=LENGTH)
AUTO = EngineArgs(max_model_len=-1)
AUTO_ON_TWO = EngineArgs(layout=ParallelConfig(tensor_parallel_size=2), max_model_len=-1)
GRAPHS = "full CUDA graphs of recurrent layers need one KV cache block per request: --max-num-seqs"


@pytest.mark.parametrize(
    ("pool", "verdict", "end"),
    [
        ((512, 1024, 1536), "tight", "; 0.50 to 1.50 GiB available on RTX 4090"),
        ((-64, 64, 128), "tight", "; 0.00 to 0.12 GiB available on RTX 4090"),
        ((256, 256, 256), "refused", "; 0.25 GiB available on RTX 4090"),
        ((256, 256, 512), "refused", "; 0.25 GiB (at most 0.50) available on RTX 4090"),
        ((-512, -256, -256), "refused", "; 0.00 GiB available on RTX 4090"),
    ],
)
def test_a_context_says_what_it_needs_and_what_there_is(
    pool: tuple[int, int, int], verdict: Verdict, end: str
) -> None:
    """1,600 tokens in 100 blocks of 1 MiB; a most only where it is more, and never less than nothing."""
    said = messages.kv_message(blank(), memory(rank(pool)), cache(1), verdict)
    assert said == f"1,600 tokens of context need 0.10 GiB of KV cache{end}"


def test_the_need_is_that_of_the_rank_with_the_least_room_for_it() -> None:
    """The second of two pipeline ranks has three quarters of the layers and the same pool."""
    stages = EngineArgs(layout=ParallelConfig(pipeline_parallel_size=2), max_model_len=LENGTH)
    ranks = (rank((50, 50, 50)), rank((50, 50, 50), index=1))
    said = messages.kv_message(
        blank(stages, gpu=replace(ADA, count=2)), memory(*ranks), cache(1, 3), "refused"
    )
    assert said == (
        "1,600 tokens of context need 0.29 GiB of KV cache; 0.05 GiB available per GPU on 2 x RTX 4090"
    )


@pytest.mark.parametrize(
    ("asked", "verdict", "said"),
    [
        (
            AUTO,
            "refused",
            "not one token of context fits: 0.00 GiB (at most 0.01) for the KV cache on RTX 4090",
        ),
        (
            AUTO,
            "tight",
            "--max-model-len auto may find room for no token: 0.00 to 0.01 GiB for the KV cache on RTX 4090",
        ),
        (
            AUTO_ON_TWO,
            "refused",
            "not one token of context fits: 0.00 GiB (at most 0.01) for the KV cache per GPU on 2 x RTX 4090",
        ),
    ],
)
def test_auto_without_room_speaks_of_no_length(asked: EngineArgs, verdict: Verdict, said: str) -> None:
    result = at_length(blank(asked, gpu=replace(ADA, count=asked.layout.world_size)), 1)
    assert messages.kv_message(result, memory(rank((-9, 0, 10))), cache(1), verdict) == said


@pytest.mark.parametrize(
    ("asked", "tokens", "is_without"), [(AUTO, 1, True), (AUTO, 16, False), (EngineArgs(), 1, False)]
)
def test_one_token_means_no_room_under_auto_alone(asked: EngineArgs, tokens: int, is_without: bool) -> None:
    assert messages.is_without_room(at_length(blank(asked), tokens)) is is_without


@pytest.mark.parametrize(
    ("pool", "needed", "end"),
    [
        ((50, 60, 99), BlocksNeeded(100, is_certain=True), "; 60 blocks available on RTX 4090"),
        (
            (50, 60, 99),
            BlocksNeeded(100, is_certain=False),
            "; 60 blocks available on RTX 4090, needed unless the attention backend has no full graphs",
        ),
        ((50, 60, 100), BlocksNeeded(100, is_certain=True), "; 50 to 100 blocks available on RTX 4090"),
        (
            (100, 105, 2000),
            BlocksNeeded(100, is_certain=True),
            "; 100 to 2,000 blocks available on RTX 4090, which is close: a start may have 8% fewer",
        ),
        ((99, 105, 110), BlocksNeeded(100, is_certain=False), "; 99 to 110 blocks available on RTX 4090"),
    ],
)
def test_graphs_say_how_many_blocks_there_are(
    pool: tuple[int, int, int], needed: BlocksNeeded, end: str
) -> None:
    """The usual number where the most is too few, else the range; what only a logged start could lack is close."""
    said = messages.graph_blocks_message(blank(), sizing(pool, graph_blocks=needed))
    assert said == f"{GRAPHS} 64{end}"


def test_a_number_of_requests_that_nobody_gave_is_the_default() -> None:
    """256 on 24 GiB."""
    result = blank(EngineArgs(max_model_len=LENGTH))
    placed = sizing(blank=result, graph_blocks=BlocksNeeded(256, is_certain=True))
    assert messages.graph_blocks_message(result, placed).startswith(f"{GRAPHS} 256 (the default); ")


@pytest.mark.parametrize(
    ("pool", "blocks", "may", "lacking"),
    [
        ((100, 101, 101), 1, "may fail", "1,600 tokens of context need 0.10 GiB of KV cache; 0.10 to 0.10"),
        ((99, 99, 100), 1, "will fail", "1,600 tokens of context need 0.10 GiB of KV cache; 0.10 to 0.10"),
        ((101, 101, 120), 120, "may fail", f"{GRAPHS} 64; 101 to 120 blocks"),
        ((101, 101, 120), 121, "will fail", f"{GRAPHS} 64; 101 blocks"),
    ],
)
def test_a_first_start_may_fail_where_the_best_end_has_room(
    pool: tuple[int, int, int], blocks: int, may: str, lacking: str
) -> None:
    """And will fail where it has none, for a sequence or for graphs."""
    first = sizing(pool, graph_blocks=BlocksNeeded(blocks, is_certain=True))
    assert messages.first_start_message(blank(), first).startswith(
        f"the first start of a fresh container {may}; the next will not. With an empty compile cache: {lacking}"
    )


@pytest.mark.parametrize(
    ("asked", "per", "each"), [(None, "", ""), (TWO, " per GPU", "each ")], ids=["one GPU", "two"]
)
def test_amounts_of_several_gpus_are_of_each(asked: EngineArgs | None, per: str, each: str) -> None:
    """Weights against the budget, and what a server uses above it; what the budget does not leave is nothing."""
    result = blank(asked, gpu=replace(ADA, count=2))
    heavy = memory(rank((1, 1, 1)), rank((1, 1, 1), weights=(10_496, 10_496, 10_496), index=1))
    assert messages.weights_message(result, heavy) == (
        f"the weights need 10.25 GiB{per}; vLLM may use 20.00 GiB of {each}RTX 4090"
    )
    assert messages.above_budget_message(result, above(1024, -512, low=512, high=1536)) == (
        "vLLM uses 1.00 GiB above its budget (0.50 to 1.50), which leaves 0.00 GiB of "
        f"{each}RTX 4090: an OutOfMemory while CUDA graphs are captured or requests are served is possible"
    )


def test_a_budget_that_is_not_enforced_is_named_with_the_need() -> None:
    """One GiB more than the budget of 20; a reserved pool is named with the GPU's 24."""
    over = memory(rank((-2048, -1024, 0)))
    assert messages.unenforced_message(blank(), over) == (
        "weights and activations need 21.00 GiB of RTX 4090; vLLM may use 20.00 GiB, which it does not enforce "
        "for a model without KV cache"
    )
    assert messages.reserved_message(over, EngineArgs()) == (
        "--kv-cache-memory-bytes leaves too little of the GPU's 24.00 GiB for everything else"
    )


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, "the GPU has 18.00 GiB free"),
        (
            {"name": "GB10", "compute_capability": (12, 1)},
            "system and other programs leave 17.00 to 19.00 GiB",
        ),
        (
            {"name": "GB10", "compute_capability": (12, 1), "free_bytes": GIB},
            "the GPU has 18.00 GiB free",
        ),
    ],
)
def test_free_memory_is_a_range_only_where_the_host_shares_it_and_nobody_measured(
    changes: dict[str, Any], found: str
) -> None:
    lacking = memory(rank((1, 1, 1)), free=(17 * 1024, 18 * 1024, 19 * 1024))
    said = messages.free_message(lacking, replace(ADA, **changes))
    assert said == f"vLLM needs 20.00 GiB free at start; {found}"


@pytest.mark.parametrize(("count", "end"), [(5, "pid 5 0.50 GiB"), (6, "pid 5 0.50 GiB and 1 more")])
def test_five_processes_are_named_and_the_rest_counted(count: int, end: str) -> None:
    held = tuple(GpuProcess(pid, None, GIB // 2) for pid in range(1, count + 1))
    said = messages.free_message(memory(rank((1, 1, 1))), replace(ADA, processes=held))
    assert said.split("; ")[-1].startswith("GPU 0 is used by pid 1 0.50 GiB, pid 2 0.50 GiB, ")
    assert said.endswith(end)


@pytest.mark.parametrize(
    ("named", "why"),
    [(None, ""), (NamedQuantization("FP8", 0.5), ": the name contains FP8, config.json has no quantization")],
)
def test_a_range_of_weights_says_whose_name_it_rests_on(named: NamedQuantization | None, why: str) -> None:
    result = blank(model=llama(only_named=named))
    said = messages.wide_message(result, sizing(weights=(5 * 1024, 10 * 1024, 12 * 1024)))
    assert said == f"the weights may take 5.00 to 12.00 GiB per GPU{why}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"memory_bytes_range": (24 * GIB, 24 * GIB)}, None),
        (
            {"memory_bytes_range": (23 * GIB, 25 * GIB)},
            "the memory of RTX 4090 is estimated: 23.00 to 25.00 GiB as CUDA reports it",
        ),
        (
            {"name": "Thor", "compute_capability": (11, 0), "memory_bytes_range": (23 * GIB, 25 * GIB)},
            "the memory of Thor depends on the machine's settings: 23.00 to 25.00 GiB as CUDA reports it",
        ),
        (
            {"name": "Strix Halo", "compute_capability": None, "memory_bytes_range": (90 * GIB, 96 * GIB)},
            "the memory of Strix Halo depends on the machine's settings: 90.00 to 96.00 GiB as HIP reports it",
        ),
    ],
)
def test_memory_that_nobody_read_is_noted(changes: dict[str, Any], said: str | None) -> None:
    """Its range and whose number it is; nothing where both ends are the same."""
    notes = () if said is None else (f"{said}; --gpu-memory-gib overrides it",)
    assert messages.gpu_notes(replace(ADA, **changes)) == notes


@pytest.mark.parametrize(("is_stale", "word"), [(False, "price"), (True, "stale price")])
def test_a_price_of_a_slice_is_noted_with_its_age(is_stale: bool, word: str) -> None:
    price = GpuPrice(1.25, "2026-11-01", is_stale, "a seventh of the H100")
    gpu = GpuGroup("H100 SXM MIG 1g.10gb", 10 * GIB, price=price)
    assert messages.gpu_notes(gpu) == (
        f"H100 SXM MIG 1g.10gb costs $1.25/h: a seventh of the H100, {word} of 2026-11-01",
    )
