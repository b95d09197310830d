"""Which cheaper GPU does the same work, and how much longer a request takes on it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vllm_costmeter.core.economics.idle.cheaper_gpu import PricedGpu, cheaper_gpus, slowdown
from vllm_costmeter.core.economics.idle.saving import Delays, Saving
from vllm_costmeter.core.gpu.group import SLICE_MARK
from vllm_costmeter.core.gpu.spec import GpuSpec

NOW = GpuSpec("now", memory_bytes=80, bandwidth_bytes_per_second=4.0, bf16_flops_per_second=8.0)
OTHER = replace(NOW, name="other")


@pytest.mark.parametrize(
    ("bandwidth", "flops", "slower"),
    [(4.0, 8.0, 1.0), (2.0, 8.0, 2.0), (4.0, 2.0, 4.0), (2.0, 2.0, 4.0), (1.0, 4.0, 4.0), (9.0, 9.0, 1.0)],
)
def test_a_request_takes_longer_by_the_rate_that_is_further_behind(
    bandwidth: float, flops: float, slower: float
) -> None:
    """4 bytes and 8 FLOPs a second now; a faster GPU is not counted on to be faster."""
    other = replace(OTHER, bandwidth_bytes_per_second=bandwidth, bf16_flops_per_second=flops)
    assert slowdown(NOW, other) == slower


@pytest.mark.parametrize("rate", ["bandwidth_bytes_per_second", "bf16_flops_per_second"])
def test_one_unknown_rate_makes_the_slowdown_unknown(rate: str) -> None:
    """Of either GPU, and then it is not proposed."""
    unknown = replace(OTHER, **{rate: None})  # type: ignore[arg-type]
    assert slowdown(NOW, unknown) is None
    assert slowdown(unknown, NOW) is None
    assert proposed(unknown, 1.0, 0.0) == []


def proposed(other: GpuSpec, price: float, busy_share: float, now: GpuSpec = NOW) -> list[Saving]:
    """Instead of a GPU of 4 USD, of a bill of 100."""
    return list(
        cheaper_gpus(PricedGpu(now, 4.0), [PricedGpu(other, price)], usd=100.0, busy_share=busy_share)
    )


def test_the_saving_is_the_difference_of_the_prices() -> None:
    """On the bill, without a start or a wait; how much slower it is stands in the setting."""
    assert proposed(OTHER, 1.0, 0.5) == [Saving("cheaper_gpu", "other", 75.0, Delays(0, 0.0, 0.0), 0, True)]
    slow = replace(OTHER, bandwidth_bytes_per_second=2.5)
    assert [each.setting for each in proposed(slow, 1.0, 0.5)] == ["other, up to 1.6x slower"]


@pytest.mark.parametrize(
    ("changed", "price", "busy_share", "is_proposed"),
    [
        ({}, 3.99, 0.99, True),
        ({}, 4.0, 0.5, False),
        ({}, 1.0, 1.0, False),
        ({"bf16_flops_per_second": 4.0}, 1.0, 0.5, False),
        ({"bf16_flops_per_second": 4.0}, 1.0, 0.49, True),
        ({"memory_bytes": 79}, 1.0, 0.5, False),
        ({"memory_bytes": 81}, 1.0, 0.5, True),
        ({"memory_bytes": None}, 1.0, 0.5, False),
        ({"vendor": "amd"}, 1.0, 0.5, False),
        ({"name": f"other{SLICE_MARK}1g.80gb"}, 1.0, 0.5, False),
    ],
)
def test_it_costs_less_holds_the_model_and_is_not_busy_all_the_time(
    changed: dict[str, object], price: float, busy_share: float, is_proposed: bool
) -> None:
    """Of the same vendor, and no slice of a GPU."""
    assert bool(proposed(replace(OTHER, **changed), price, busy_share)) is is_proposed  # type: ignore[arg-type]


def test_a_gpu_of_unknown_memory_is_compared_with_none() -> None:
    assert proposed(OTHER, 1.0, 0.5, now=replace(NOW, memory_bytes=None)) == []
