"""The GPU of a check: named, described, or found here."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.gpu.target import chosen_gpu

TWO = ParallelConfig(tensor_parallel_size=2)


def test_a_name_without_a_count_is_as_many_as_the_layout_needs() -> None:
    """`--gpu "RTX 4090" -tp 2` is about two of them."""
    assert chosen_gpu("RTX 4090", None, TWO).count == 2


@pytest.mark.parametrize("name", ["RTX 4090:1", "1x RTX 4090"])
def test_a_count_below_what_the_layout_needs_contradicts_it(name: str) -> None:
    """Whoever names a count means it; on other machines there may be more."""
    needs = (
        f"^--tensor-parallel-size 2 needs 2 GPUs, but '{name}' names 1: use 'RTX 4090:2' or lower the flag$"
    )
    with pytest.raises(BadInputError, match=needs):
        chosen_gpu(name, None, TWO)
    assert chosen_gpu(name, None, TWO, is_spread=True).count == 2
    assert chosen_gpu("RTX 4090:4", None, TWO).count == 4


def test_memory_alone_describes_a_gpu() -> None:
    """No catalogue, no compute capability, the source says `flag`."""
    gpu = chosen_gpu(None, 79.19, TWO)
    assert (gpu.memory_bytes, gpu.count, gpu.source) == (round(79.19 * (1 << 30)), 2, "flag")
    assert gpu.compute_capability is None


def test_memory_beside_a_name_replaces_the_catalogues() -> None:
    """For a GPU whose memory differs here (MIG, ECC) or is not in the catalogue."""
    gpu = chosen_gpu("H100 SXM", 40.0, ParallelConfig())
    assert (gpu.name, gpu.memory_bytes, gpu.source) == ("H100 SXM", 40 << 30, "flag")


def test_an_unknown_name_is_one_clear_line() -> None:
    """With the nearest ones."""
    with pytest.raises(BadInputError, match=r"unknown GPU 'RTX 4091'; nearest: .*RTX 4090"):
        chosen_gpu("RTX 4091", None, ParallelConfig())


def test_a_stated_count_is_told_from_an_implied_one() -> None:
    """Suggestions of more GPUs depend on it."""
    assert chosen_gpu("RTX 4090:2", None, TWO).is_count_stated
    assert not chosen_gpu("RTX 4090", None, TWO).is_count_stated
