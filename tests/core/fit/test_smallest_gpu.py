"""The smallest GPUs on which a model serves."""

from __future__ import annotations

from dataclasses import replace

from example_models import ADA, llama

from vllm_costmeter.core.fit.smallest_gpu import smallest_gpu
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.release import NEWEST

LARGE = replace(ADA, name="large", memory_bytes=80 * GIB)


def test_one_gpu_goes_before_two() -> None:
    """The least memory that fits, in any order of the list; several only where no single one fits."""
    found = smallest_gpu(llama(8.0), [LARGE, ADA], NEWEST)
    assert found is not None
    assert (found.name, found.count) == (ADA.name, 1)
    found = smallest_gpu(llama(30.0), [LARGE, ADA], NEWEST)
    assert found is not None
    assert (found.name, found.count) == ("large", 1)
    found = smallest_gpu(llama(30.0), [ADA], NEWEST)
    assert found is not None
    assert found.count == 2


def test_what_fits_nowhere_or_is_not_understood_has_none() -> None:
    """No guess."""
    assert smallest_gpu(llama(800.0), [ADA], NEWEST) is None
    assert smallest_gpu(replace(llama(8.0), not_understood="no rules"), [LARGE], NEWEST) is None
