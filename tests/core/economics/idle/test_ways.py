"""Ways to save, on a few minutes that can be checked by hand."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.economics.idle.cheaper_gpu import PricedGpu, cheaper_gpus
from vllm_costmeter.core.economics.idle.replicas import fewer_replicas
from vllm_costmeter.core.economics.idle.return_times import ReturnTimes
from vllm_costmeter.core.economics.idle.saving import Delays
from vllm_costmeter.core.economics.idle.savings import model_savings
from vllm_costmeter.core.economics.idle.time_out import replayed
from vllm_costmeter.core.economics.idle.timeline import Arrivals, Busy, Replica, Span, Step
from vllm_costmeter.core.gpu.spec import GpuSpec

NIGHT = Span(
    0, 10_000, (Busy(0, 1000, (Arrivals(0, 900, 10),)), Busy(5000, 5100, (Arrivals(5000, 5090, 10),)))
)
H100 = GpuSpec("H100", memory_bytes=80, bandwidth_bytes_per_second=3.0, bf16_flops_per_second=10.0)


def test_a_time_out_switches_off_what_is_idle_longer() -> None:
    """4000 s and 4900 s of pause, 600 s of each paid; the requests that wait for the start end 10 s later."""
    found = replayed([NIGHT], 600, 100)
    assert (found.off_seconds, found.starts) == (3400 + 4900 - 10 - 600, 1)
    assert found.delays == Delays(10, pytest.approx(10 * 100 - 45 * 10), 100)  # type: ignore[arg-type]


def test_a_time_out_longer_than_every_pause_changes_nothing() -> None:
    """No start, no wait."""
    assert replayed([NIGHT], 5000, 100) == (0.0, 0, Delays())


def test_an_unknown_start_delays_by_an_unknown_time() -> None:
    """At least the one request that finds nobody."""
    assert replayed([NIGHT], 600, None) == (3400 + 4300, 1, Delays(1, None, None))


def test_fewer_servers_let_work_wait_for_the_next_minute() -> None:
    """Two servers at 100 tokens a minute each; one of them is not enough in the first minute."""
    steps = [{0: Step(60, 5, 1.0, tokens), 60: Step(30, 5, 1.0, 20)} for tokens in (100, 50)]
    replicas = [Replica("m", name, "", 1, each) for name, each in zip("ab", steps, strict=True)]
    (saving,) = fewer_replicas(replicas)
    assert (saving.setting, saving.usd) == ("1", 2.0)
    assert saving.delays == Delays(10, pytest.approx(10 * 30), 30)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "price", "setting"),
    [
        (GpuSpec("A", memory_bytes=80, bandwidth_bytes_per_second=3.0, bf16_flops_per_second=12.0), 1.0, "A"),
        (
            GpuSpec("B", memory_bytes=96, bandwidth_bytes_per_second=2.0, bf16_flops_per_second=12.0),
            1.0,
            "B, up to 1.5x slower",
        ),
        (
            GpuSpec("small", memory_bytes=48, bandwidth_bytes_per_second=3.0, bf16_flops_per_second=9.0),
            1.0,
            None,
        ),
        (
            GpuSpec("dear", memory_bytes=80, bandwidth_bytes_per_second=3.0, bf16_flops_per_second=9.0),
            2.5,
            None,
        ),
        (
            GpuSpec("slow", memory_bytes=80, bandwidth_bytes_per_second=1.0, bf16_flops_per_second=9.0),
            1.0,
            None,
        ),
        (GpuSpec("unknown", memory_bytes=80), 1.0, None),
    ],
)
def test_a_cheaper_gpu_has_the_memory_and_keeps_up(other: GpuSpec, price: float, setting: str | None) -> None:
    """At half the price half the bill; at 40 % busy, three times slower is too slow."""
    found = list(cheaper_gpus(PricedGpu(H100, 2.0), [PricedGpu(other, price)], usd=100.0, busy_share=0.4))
    assert [saving.setting for saving in found] == ([] if setting is None else [setting])
    assert all(saving.usd == 50.0 for saving in found)


def test_what_cannot_be_judged_is_said() -> None:
    """One server, an unknown GPU."""
    found = model_savings(
        [Replica("m", "a", "", 1, {0: Step(usd=1.0)})], ReturnTimes(1, 1, 1), (300,), None, ()
    )
    assert len(found.left_out) == 2
    assert {saving.way for saving in found.savings} == {"scale_to_zero", "sleep_level_1", "sleep_level_2"}
