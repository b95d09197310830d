"""The smallest GPUs on which a model serves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import ADA, bad_input, llama

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


@pytest.mark.parametrize(("gib", "count"), [(60.0, 4), (120.0, 8), (240.0, None)])
def test_up_to_eight_gpus_are_doubled(gib: float, count: int | None) -> None:
    """15 GiB of weights fit each; twice eight are no answer."""
    found = smallest_gpu(llama(gib), [ADA], NEWEST)
    assert (None if found is None else found.count) == count


def test_a_working_context_is_the_models_own_where_that_is_shorter() -> None:
    """What fits only in part is no fit; a shorter asked length is."""
    short = llama(max_model_len=2048, default_max_model_len=2048)
    assert smallest_gpu(short, [ADA], NEWEST) == ADA
    assert smallest_gpu(llama(), [ADA], NEWEST, tokens=100_000) is not None
    found = smallest_gpu(llama(), [ADA], NEWEST, tokens=100_000)
    assert found is not None
    assert found.count == 2
    assert smallest_gpu(llama(fault=bad_input()), [ADA], NEWEST) is None
