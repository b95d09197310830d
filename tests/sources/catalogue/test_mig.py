"""A MIG slice by name."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.sources.catalogue.load import default_price, find_gpu
from vllm_costmeter.sources.gpu.target import chosen_gpu


@pytest.mark.parametrize("text", ["H100 SXM MIG 3g.40gb", "h100 sxm 3g.40gb", "NVIDIA H100 SXM, MIG-3G.40GB"])
def test_a_slice_has_its_own_memory_and_part_of_the_rates(text: str) -> None:
    """3 of 7 compute slices, 4 of 8 memory slices; no link, power or purchase price of its own."""
    whole, part = find_gpu("H100 SXM"), find_gpu(text)
    assert part.name == "H100 SXM MIG 3g.40gb"
    assert part.memory_bytes is not None
    assert 39 < part.memory_bytes / GIB < 40
    assert part.bf16_flops_per_second == pytest.approx(3 / 7 * (whole.bf16_flops_per_second or 0))
    assert part.bandwidth_bytes_per_second == pytest.approx(0.5 * (whole.bandwidth_bytes_per_second or 0))
    assert (part.tdp_watts, part.link_type, part.launch_usd) == (None, None, None)


def test_a_slice_costs_its_part() -> None:
    """By memory slices, and the source says of which GPU."""
    whole, part = default_price(find_gpu("H100 SXM")), default_price(find_gpu("H100 SXM MIG 3g.40gb"))
    assert whole is not None
    assert part is not None
    assert part.usd_per_gpu_hour == whole.usd_per_gpu_hour / 2
    assert part.source.startswith("0.5 of H100 SXM, by memory slices")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("H100 SXM 9g.40gb", "the H100 SXM has 1g.10gb"),
        ("L4 1g.10gb", "the L4 has no MIG profiles"),
        ("nothing 1g.10gb", "unknown GPU 'nothing'"),
    ],
)
def test_a_slice_that_does_not_exist_is_one_line(text: str, said: str) -> None:
    """With the profiles that the GPU has."""
    with pytest.raises(BadInputError, match=said):
        find_gpu(text)


def test_several_ranks_on_slices_are_bad_input() -> None:
    """CUDA shows a process one slice, also where the command line names several."""
    one = chosen_gpu("H100 SXM MIG 3g.40gb", None, ParallelConfig())
    assert (one.name, one.count) == ("H100 SXM MIG 3g.40gb", 1)
    for name, size in (("H100 SXM MIG 3g.40gb", 2), ("H100 SXM MIG 3g.40gb:2", 1)):
        with pytest.raises(BadInputError, match="one MIG slice"):
            chosen_gpu(name, None, ParallelConfig(tensor_parallel_size=size))
