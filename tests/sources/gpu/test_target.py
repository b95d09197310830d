"""The GPU of a check: named, described, or found here."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.catalogue.load import load_catalogue
from vllm_costmeter.sources.gpu.target import UNIFIED_ONLY_GIB, chosen_gpu

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


@pytest.mark.parametrize(
    ("gib", "name", "capability"),
    [
        (121.69, "GPU of 121.69 GiB (GB10)", (12, 1)),
        (119.63, "GPU of 119.63 GiB (GB10)", (12, 1)),
        (122.82, "GPU of 122.82 GiB (Jetson Thor)", (11, 0)),
        (139.8, "GPU of 139.8 GiB", None),
    ],
)
def test_memory_that_only_unified_gpus_have_names_one(
    gib: float, name: str, capability: tuple[int, int] | None
) -> None:
    """Its rules then apply without --gpu."""
    gpu = chosen_gpu(None, gib, ParallelConfig())
    assert (gpu.name, gpu.compute_capability) == (name, capability)


def test_no_gpu_with_memory_of_its_own_has_so_much() -> None:
    """The interval that stands for GB10 and Thor holds nothing else."""
    low, high = (round(end * (1 << 30)) for end in UNIFIED_ONLY_GIB)
    others = [gpu for gpu in load_catalogue().gpus if gpu.memory_bytes_range and not gpu.unified_memory]
    inside = [gpu.name for gpu in others for end in gpu.memory_bytes_range or () if low <= end <= high]
    assert inside == []


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
