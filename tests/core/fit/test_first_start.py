"""The first start of a fresh container, whose compile cache is empty."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import ADA, GIB, llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.first_start import SINCE
from vllm_costmeter.core.release import release_of

TABLE_BYTES = 128_256 * 4096 * 2
"""The embedding table of an 8B Llama in bf16."""


def lacking_bytes(result: Fit) -> int:
    """How much smaller the pool of a first start is."""
    if result.first_start is None:
        return 0
    assert result.per_gpu is not None
    return result.per_gpu.kv_cache_available_bytes - result.first_start.kv_cache_available_bytes


def on(release: str = "0.33.0", gpu: GpuGroup = ADA, **flags: object) -> Fit:
    """An 8B on a 24 GiB GPU unless said otherwise."""
    return fit(llama(), gpu, EngineArgs(**{"max_model_len": 8192, **flags}), release_of(release))  # type: ignore[arg-type]


def test_a_first_start_has_a_smaller_pool_by_a_part_of_the_embedding_table() -> None:
    """Inductor tunes the first kernel on a copy of the table; the warm peak hides a part of it."""
    assert 0 < lacking_bytes(on(max_num_seqs=16)) < TABLE_BYTES


def test_between_two_releases_the_copy_may_stay() -> None:
    """From 0.27 until 0.31 a small tensor may keep the segment of the copy: usually half of the table."""
    kept = lacking_bytes(on("0.28.0", max_num_seqs=16)) - lacking_bytes(on("0.31.0", max_num_seqs=16))
    assert kept == pytest.approx(TABLE_BYTES / 2, rel=0.01)


def test_eager_mode_compiles_nothing() -> None:
    """Its first start is as every other."""
    assert on(enforce_eager=True).first_start is None


def test_tensor_parallelism_takes_the_table_out_of_the_graph_from_0_29_on() -> None:
    """Before, each rank tunes on its share of the table."""
    two = replace(ADA, count=2)
    split = ParallelConfig(tensor_parallel_size=2)
    before = lacking_bytes(on("0.26.0", two, layout=split, max_num_seqs=1))
    assert before > lacking_bytes(on("0.29.0", two, layout=split, max_num_seqs=1))


def test_what_serves_only_with_a_warm_cache_is_tight_and_says_so() -> None:
    """Exit 0 with a warning, 1 when strict; the length that fits holds for the first start, and eager mode is a way."""
    longest = on(max_num_seqs=16).max_model_len_that_fits
    warm = on(max_num_seqs=16, enforce_eager=True)
    assert longest is not None
    assert warm.max_model_len_that_fits is not None
    assert longest < warm.max_model_len_that_fits
    between = on(max_num_seqs=16, max_model_len=longest + 16)
    assert (between.verdict, between.reason) == ("tight", "first_start")
    assert between.exit_code(strict=True) == 1
    assert between.message.startswith("the first start of a fresh container may fail; the next will not")


def test_a_reserved_pool_is_the_same_on_every_start() -> None:
    """--kv-cache-memory-bytes sets the pool whatever the profile run sees."""
    assert on(kv_cache_memory_bytes=2 * GIB).first_start is None


def test_the_first_release_that_copies_the_table_does_so_too() -> None:
    """`SINCE` itself is of them."""
    assert lacking_bytes(on(".".join(map(str, SINCE)), max_num_seqs=16)) > 0
