"""What prefill and decode really take, learned from intervals."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest

from vllm_costmeter.core.meter import GENERIC_CPU, GpuRates, ModelWork, PhaseSplit
from vllm_costmeter.core.meter.split.measured import MeasuredCosts
from vllm_costmeter.core.meter.split.phases import PhaseLedger
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.meter.work import Work

LLAMA_8B = ModelWork(active_parameters=8_000_000_000, weight_bytes=16_000_000_000, kv_bytes_per_token=131_072)
CARD = GpuRates(flops_per_second=160e12, memory_bytes_per_second=1e12)
TINY = ModelWork(2_700_000, 10_800_000, 4096, attention_width=1024)  # the model of the recording
RECORDING = Path(__file__).parents[3] / "data" / "phases" / "cpu_tiny_llama.json"


def server(prompt: int, decode: int, decode_steps: int, own_steps: int, slow: float = 1.0) -> Work:
    """An interval of a server whose prefill is three times, and decode twice, as slow as the roofline; a decode token
    costs 0.2 ms besides."""
    seconds = prompt * 3e-4 + own_steps * 0.002 + decode_steps * 0.032 + decode * 2e-4
    return Work(
        seconds * slow,
        StepCounts(
            prompt_computed_tokens=prompt,
            generated_tokens=decode + prompt // 500,
            prefilled_requests=prompt // 500,
            steps=decode_steps + own_steps,
            decode_steps=decode_steps,
        ),
    )


def share(costs: MeasuredCosts, work: Work) -> float:
    """Prefill's share by the fit."""
    seconds = costs.seconds(work.counts)
    return seconds.prefill / (seconds.prefill + seconds.decode)


def test_before_the_first_interval_it_is_the_roofline() -> None:
    """2 FLOP per parameter and prompt token; a decode step reads the weights."""
    seconds = MeasuredCosts(LLAMA_8B, CARD).seconds(server(1000, 0, 0, 2).counts)
    assert seconds.prefill == pytest.approx(1000 * 2 * 8e9 / 160e12)
    assert seconds.decode == 0


def test_pure_loads_teach_the_split_of_a_mixture() -> None:
    """Half a minute of each phase alone, with 10 % noise: any mixture is split within 5 % of the truth."""
    dice, costs = random.Random(1), MeasuredCosts(LLAMA_8B, CARD)
    for _ in range(6):
        costs.observe(server(16_000, 0, 0, 8, dice.gauss(1, 0.1)))
        costs.observe(server(0, 2400, 150, 0, dice.gauss(1, 0.1)))
    assert costs.sufficient
    for prompt, decode in ((8000, 800), (2000, 1600), (12_000, 160)):
        steps = decode // 16
        truth = prompt * 3e-4 / (prompt * 3e-4 + steps * 0.032 + decode * 2e-4)
        assert share(costs, server(prompt, decode, steps, 0)) == pytest.approx(truth, rel=0.05)


def test_traffic_that_varies_teaches_it_too() -> None:
    """No phase ever alone, but the proportion changes: an hour of it is enough."""
    dice, costs = random.Random(2), MeasuredCosts(LLAMA_8B, CARD)
    for _ in range(600):
        prompt, steps = dice.randrange(1000, 12_000), dice.randrange(20, 120)
        costs.observe(server(prompt, 16 * steps, steps, 0, dice.gauss(1, 0.05)))
    assert costs.sufficient
    work = server(6000, 1120, 70, 0)
    truth = 6000 * 3e-4 / (6000 * 3e-4 + 70 * 0.032 + 1120 * 2e-4)
    assert share(costs, work) == pytest.approx(truth, rel=0.10)


def test_one_unchanging_mixture_teaches_nothing_of_the_ratio() -> None:
    """A day of it stays with the roofline, and the label says so."""
    split, ledger = PhaseSplit(LLAMA_8B, CARD), PhaseLedger()
    for _ in range(2000):
        charge = ledger.charge(split, 1.0, server(4000, 640, 40, 0))
    assert charge.method == "roofline"


def test_the_method_changes_and_the_phases_still_add_up() -> None:
    """From roofline to measured in the middle of a run: both labels' dollars together are the active money."""
    split, ledger, usd = PhaseSplit(LLAMA_8B, CARD), PhaseLedger(), {"roofline": 0.0, "measured": 0.0}
    for tick in range(60):
        work = server(4000, 0, 0, 2) if tick % 10 < 5 else server(0, 480, 30, 0)
        charge = ledger.charge(split, work.active_seconds, work, ran_empty=tick % 5 == 4)
        usd[charge.method] += charge.prefill + charge.decode
    assert min(usd.values()) > 0
    assert ledger.charge(split, 1.0, server(0, 480, 30, 0)) == ("measured", 0.0, 1.0)


def test_a_fit_follows_a_server_that_changes() -> None:
    """After hours at another clock, the old evidence has faded."""
    costs = MeasuredCosts(LLAMA_8B, CARD)
    for slow_decode in (1.0, 3.0):
        for _ in range(2000):
            costs.observe(server(16_000, 0, 0, 8))
            costs.observe(server(0, 2400, 150, 0, slow_decode))
    work = server(8000, 1600, 100, 4)
    truth = 2.408 / (2.408 + 3 * (3.2 + 0.32))
    assert share(costs, work) == pytest.approx(truth, rel=0.05)


def test_the_split_of_real_mixtures_is_what_the_pure_loads_cost() -> None:
    """A recording of a real server: after one prefill-only and one decode-only load, three mixtures
    are charged within 15 % of what the two pure loads cost per token (seen: 2 to 8 %);
    the roofline with an assumed GPU is not."""
    recording = json.loads(RECORDING.read_text())
    assert (recording["fields"][0], recording["fields"][-1]) == ("load", "active_seconds")
    seen = [
        (load, Work(active_seconds, StepCounts(**dict(zip(recording["fields"][1:-1], counts, strict=True)))))
        for load, *counts, active_seconds in recording["rows"]
    ]
    split, ledger = PhaseSplit(TINY, GENERIC_CPU), PhaseLedger()
    work_of: dict[str, Work] = {}
    prefill_of: dict[str, float] = {}
    for (_, earlier), (load, later) in itertools.pairwise(seen):
        work = Work(later.active_seconds - earlier.active_seconds, later.counts - earlier.counts)
        charge = ledger.charge(split, work.active_seconds, work)
        work_of[load] = work_of.get(load, Work()) + work
        prefill_of[load] = prefill_of.get(load, 0.0) + charge.prefill
    assert split.method == "measured"
    prefill, decode = work_of["prefill"], work_of["decode"]
    per_prompt = prefill.active_seconds / prefill.counts.prompt_computed_tokens
    per_decode = decode.active_seconds / decode.counts.decode_tokens
    untaught = PhaseSplit(TINY, GENERIC_CPU)
    for load in ("mix_512_64", "mix_512_256", "mix_128_128"):
        work = work_of[load]
        expected = per_prompt * work.counts.prompt_computed_tokens
        expected /= expected + per_decode * work.counts.decode_tokens
        assert prefill_of[load] / work.active_seconds == pytest.approx(expected, rel=0.15)
        assert untaught.prefill_share(work.counts) != pytest.approx(expected, rel=0.15)
