"""A MIG slice by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.sources.catalogue.load import Catalogue, default_price, find_gpu, load_catalogue
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
    ("text", "name"),
    [
        ("NVIDIA-H100-80GB-HBM3-MIG-3g.40gb", "H100 SXM MIG 3g.40gb"),
        ("A100-SXM4-40GB MIG 1g.5gb+me", "A100 40GB SXM MIG 1g.5gb"),
        ("RTX PRO 6000 MIG 1g.24gb-me", "RTX PRO 6000 MIG 1g.24gb"),
        ("H100 SXM MIG 1c.3g.40gb", "H100 SXM MIG 3g.40gb"),
        ("H100 MIG 1g.12gb", "H100 NVL MIG 1g.12gb"),
    ],
)
def test_a_slice_as_labels_and_nvidia_smi_spell_it(text: str, name: str) -> None:
    """A profile with media extensions has the memory of the one without; a profile tells which H100 it is."""
    assert find_gpu(text).name == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A100 MIG 3g.20gb", "'A100' is ambiguous: A100 40GB PCIe, A100 40GB SXM; give one of them"),
        ("H100 MIG 9g.40gb", "is no MIG profile of any of H100 PCIe, H100 SXM, H100 NVL"),
    ],
)
def test_a_slice_of_an_ambiguous_gpu_lists_those_that_have_it(text: str, said: str) -> None:
    """Only the GPUs that can be cut so."""
    with pytest.raises(BadInputError, match=re.escape(said)):
        find_gpu(text)


def test_every_gpu_with_slices_prices_and_sizes_each() -> None:
    """The memory of a slice is below its share of the nameplate, and all slices of a kind fit the GPU together."""
    cut = [gpu for gpu in load_catalogue().gpus if gpu.mig_profiles]
    assert len(cut) >= 25
    for gpu in cut:
        for each in gpu.mig_profiles or ():
            part = find_gpu(f"{gpu.name} MIG {each.name}")
            assert part.memory_bytes is not None
            assert gpu.memory_bytes_range is not None
            assert part.memory_bytes * each.instances <= gpu.memory_bytes_range[1] * 1.01, part.name
            whole, price = default_price(gpu), default_price(part)
            assert (whole is None) == (price is None)
            if whole is not None and price is not None:
                assert 0 < price.usd_per_gpu_hour <= whole.usd_per_gpu_hour


def test_a_users_price_of_a_slice_comes_first(tmp_path: Path) -> None:
    """A provider that rents slices has prices of its own."""
    file = tmp_path / "mine.toml"
    file.write_text(
        '[[price]]\ngpu = "H100 SXM MIG 3g.40gb"\nprovider = "rack"\nusd_per_gpu_hour = 1.1\nas_of = "2024-01"\n'
    )
    catalogue = Catalogue(file)
    price = catalogue.default_price(catalogue.find("H100 SXM MIG 3g.40gb"))
    assert price is not None
    assert (price.provider, price.usd_per_gpu_hour) == ("rack", 1.1)


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
    whole = default_price(find_gpu("H100 SXM"))
    assert whole is not None
    assert one.price is not None
    assert one.price.usd_per_hour == whole.usd_per_gpu_hour / 2
    for name, size in (("H100 SXM MIG 3g.40gb", 2), ("H100 SXM MIG 3g.40gb:2", 1)):
        with pytest.raises(BadInputError, match="one MIG slice"):
            chosen_gpu(name, None, ParallelConfig(tensor_parallel_size=size))
