"""MIG slices by the names that Kubernetes uses."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.sources.gpu.slices import slice_of


@pytest.mark.parametrize("profile", ["3g.40gb", "3g.40gb.me", "1c.3g.40gb"])
def test_a_slice_of_a_named_gpu(profile: str) -> None:
    """With its own memory, and one GPU however many slices there are."""
    gpu = slice_of(profile, ("A100 80GB SXM",))
    assert (gpu.name, gpu.count) == ("A100 80GB SXM MIG 3g.40gb", 1)
    assert 39 * GIB < gpu.memory_bytes < 40 * GIB


def test_a_slice_of_an_unnamed_gpu_is_the_smallest_of_that_name() -> None:
    """A "1g.10gb" is cut from A100s of two sizes and from H100s."""
    assert slice_of("1g.10gb").memory_bytes <= slice_of("1g.10gb", ("H100 SXM",)).memory_bytes


def test_a_profile_that_the_gpu_has_not() -> None:
    """The known ones are listed."""
    with pytest.raises(BadInputError, match=r"'1g\.99gb' is no MIG profile of the H100 SXM.*1g\.10gb"):
        slice_of("1g.99gb", ("H100 SXM",))
