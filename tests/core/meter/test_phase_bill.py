"""Active money and energy by phase and by kind of work."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.meter import GpuRates, ModelWork, PhaseSplit
from vllm_costmeter.core.meter.engine_account import EngineAccount
from vllm_costmeter.core.meter.phase_bill import PhaseBill
from vllm_costmeter.core.meter.shares.work_pools import NOTHING_SPENT, PerPool, Spent
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.meter.work import Work

MODEL = ModelWork(active_parameters=8_000_000_000, weight_bytes=16_000_000_000, kv_bytes_per_token=200_000)
CARD = GpuRates(flops_per_second=160e12, memory_bytes_per_second=1e12)
PREFILL = Work(
    1.0, StepCounts(prompt_computed_tokens=10_000, generated_tokens=10, prefilled_requests=10, steps=5)
)
DECODE = Work(
    1.0, StepCounts(generated_tokens=500, steps=50, decode_steps=50, decode_context_tokens=1_000_000)
)


def test_decoding_is_divided_between_weights_and_the_cache() -> None:
    """50 readings of 16 GB and a million tokens of 200 kB: a fifth of the bytes is KV cache."""
    bill, account = PhaseBill(PhaseSplit(MODEL, CARD)), EngineAccount()
    decoding = bill.charge(account, Spent(10.0, 100.0), DECODE, ran_empty=False)
    assert decoding.prefill == decoding.unsplit == NOTHING_SPENT
    assert decoding.decode == pytest.approx((8.0, 80.0))
    assert decoding.kv == pytest.approx((2.0, 20.0))
    assert bill.charge(account, Spent(3.0, 5.0), PREFILL, ran_empty=False) == PerPool(prefill=Spent(3.0, 5.0))
    assert (bill.usd("prefill"), bill.usd("decode"), bill.usd()) == (3.0, 10.0, 13.0)
    assert bill.usd_by_method() == {("prefill", "roofline"): 3.0, ("decode", "roofline"): 10.0}
    assert bill.joules() == {"prefill": 5.0, "decode": 100.0}


def test_without_a_model_nothing_is_divided() -> None:
    """All of it is charged to tokens alike."""
    bill = PhaseBill(None)
    assert bill.charge(EngineAccount(), Spent(3.0, 5.0), DECODE, ran_empty=False) == PerPool(
        unsplit=Spent(3.0, 5.0)
    )
    assert (bill.usd(), bill.usd_by_method(), bill.joules()) == (0, {}, {})
