"""What a MIG slice pays of its GPU."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.gpu.reading import SliceShare
from vllm_costmeter.core.gpu.share import mig_share

ONE_OF_SEVEN = SliceShare(memory_bytes=10_603_200_512, gpu_memory_bytes=84_974_239_744, compute_slices=1)


def test_a_seventh_by_compute_and_an_eighth_by_memory() -> None:
    """An H100's 1g.10gb holds a seventh of its compute and an eighth of its memory: the owner says which counts."""
    assert mig_share(ONE_OF_SEVEN, "compute", 7) == pytest.approx(1 / 7)
    assert mig_share(ONE_OF_SEVEN, "memory", 7) == pytest.approx(1 / 8, rel=0.01)


def test_what_the_driver_does_not_tell_is_no_share() -> None:
    """Neither a whole GPU nor nothing: unknown."""
    silent = SliceShare(memory_bytes=None, gpu_memory_bytes=None, compute_slices=None)
    assert mig_share(silent, "memory", 7) is None
    assert mig_share(silent, "compute", 7) is None
    assert mig_share(ONE_OF_SEVEN, "compute", None) is None


def test_a_slice_is_never_more_than_its_gpu() -> None:
    """A driver that reports more memory for the slice than for the GPU is not believed."""
    odd = SliceShare(memory_bytes=20, gpu_memory_bytes=10, compute_slices=8)
    assert mig_share(odd, "memory", 7) == 1.0
    assert mig_share(odd, "compute", 7) == 1.0
