"""The rate of training against published runs."""

from __future__ import annotations

import csv
import statistics
from fractions import Fraction

import pytest
from finetuning_runs import MEASURED, SHAPES, measured_run

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.finetuning.rate import (
    FEWEST_TOKENS,
    UTILIZATION,
    estimated_rate,
    flops_per_token,
    stated_rate,
)
from vllm_costmeter.core.finetuning.run import Run
from vllm_costmeter.core.gpu.spec import GpuSpec

A100 = GpuSpec("A100", bf16_flops_per_second=312e12, link_type="NVLink 3", link_bytes_per_second=300e9)
A100_FLOPS = 312e12  # NVIDIA A100 datasheet, BF16 without sparsity


def test_the_utilization_is_that_of_the_measured_runs() -> None:
    """Low, median and high on the A100, rounded to the percent."""
    shares = []
    for row in csv.DictReader(MEASURED.open()):
        if "A100" in row["gpu"] and row["tokens_per_second"] and not row["checkpointing"].endswith("?"):
            run = measured_run(row)
            if run.tokens >= FEWEST_TOKENS:
                shares.append(float(row["tokens_per_second"]) * flops_per_token(run) / A100_FLOPS)
    found = (min(shares), statistics.median(shares), max(shares))
    assert len(shares) == 41
    assert [round(each, 2) for each in found] == [float(each) for each in UTILIZATION]


def test_full_training_takes_half_more_arithmetic_than_adapters() -> None:
    """Without checkpointing: 6 against 4 per parameter and token."""
    full, lora = (
        Run(SHAPES["Llama-2-7B"], method, checkpointing="none")  # type: ignore[arg-type]
        for method in ("full", "lora")
    )
    assert Fraction(flops_per_token(full), flops_per_token(lora)) == Fraction(3, 2)


def test_a_stated_rate_has_no_range() -> None:
    """3.6 million tokens at 1,000 per second are one hour; an estimate has a range."""
    assert stated_rate(Fraction(1000)).hours(3_600_000) == (1, 1, 1)
    rate = estimated_rate(Run(SHAPES["Llama-2-7B"], "lora"), A100)
    assert rate is not None
    likely, least, most = rate.hours(3_600_000)
    assert least < likely < most
    assert float(likely / least) == pytest.approx(0.60 / 0.42)


def test_copies_exchange_what_they_train_and_zero_three_its_weights_too() -> None:
    """Eight GPUs are less than eight times as fast, least with ZeRO 3 over PCIe; two settings alike but the link."""
    geforce = replace(A100, link_type=None, link_bytes_per_second=None, peer_to_peer=False)
    one = estimated_rate(Run(SHAPES["Llama-2-7B"], "full"), A100)
    copies = estimated_rate(Run(SHAPES["Llama-2-7B"], "full", gpus=8), A100)
    sharded = estimated_rate(Run(SHAPES["Llama-2-7B"], "full", gpus=8, zero=3), A100)
    over_pcie = estimated_rate(Run(SHAPES["Llama-2-7B"], "full", gpus=8, zero=3), geforce)
    rates = [float(each.middle) for each in (copies, sharded, over_pcie) if each is not None]
    assert one is not None
    assert [*sorted(rates, reverse=True), len(rates)] == [*rates, 3]
    assert rates[0] < 8 * one.middle
