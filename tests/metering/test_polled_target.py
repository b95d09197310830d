"""One target from its first page on, whatever it does."""

from __future__ import annotations

import threading

import pytest
from engine_stand_in import vllm_page

from vllm_costmeter.core.engines.known import BY_KEY
from vllm_costmeter.core.engines.sample import EngineSample
from vllm_costmeter.core.gpu.reading import GpuReadings, GpuSource
from vllm_costmeter.core.meter import Meter
from vllm_costmeter.core.meter.scraped import LONGEST_GAP_SECONDS
from vllm_costmeter.core.pricing.price import rental_price
from vllm_costmeter.metering.polled_target import PolledTarget
from vllm_costmeter.metering.target_meter import TargetMeter
from vllm_costmeter.outputs.metrics.exposition import ServerFacts
from vllm_costmeter.sources.engines.read import read_sample

PRICE = rental_price(usd_per_gpu_hour=3600.0, gpus=1, source="flag")  # a dollar a second


class GoneError(Exception):
    """The target does not answer."""

    reason = "unreachable"


class Watched:
    """A target whose page, clock and messages are the test's."""

    def __init__(self, gpus: GpuSource | None = None) -> None:
        self.gpus = gpus
        self.page: str | None = vllm_page()
        self.now = 100.0
        self.said: list[str] = []
        self.polled = PolledTarget(
            "http://t/metrics",
            self.read,
            self.begin,
            self.said.append,
            labels={"pod": "p"},
            monotonic_seconds=lambda: self.now,
        )

    def read(self) -> EngineSample:
        if self.page is None:
            raise GoneError("http://t/metrics cannot be reached: refused")
        return read_sample(self.page, {}, "t")

    def begin(self, sample: EngineSample, now: float, unix: float) -> TargetMeter:
        return TargetMeter(
            BY_KEY["vllm"],
            sample,
            lambda server: Meter(engine_indexes=server.indexes, gpus_per_engine=1, price=PRICE),
            facts=ServerFacts("tiny", "0", ""),
            now_seconds=now,
            unix_seconds=unix,
            gpus=self.gpus,
        )

    def look(self, seconds: float, page: str | None) -> None:
        """At that time, with that page."""
        self.now, self.page = 100.0 + seconds, page
        self.polled.poll()
        self.polled.tick(self.now, 0)

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels."""
        return sum(
            value
            for family in self.polled.families()
            if family.row.name == name
            for found, value in family.samples
            if labels.items() <= dict(found).items()
        )


def test_the_bill_begins_with_the_first_page() -> None:
    """Before it neither the model nor a second is known."""
    target = Watched()
    target.look(0, None)
    assert (target.polled.families(), target.polled.state().down) == ((), "unreachable")
    target.look(5, vllm_page(100, 50, 10))
    target.look(6, vllm_page(100, 50, 10))
    assert target.value("costmeter_cost_usd_total") == pytest.approx(1.0)
    assert target.value("costmeter_tokens_total") == 0


def test_dollars_and_tokens_follow_the_pages() -> None:
    """Ten seconds of which the middle four are active; every sample has the target's labels."""
    target = Watched()
    for second in range(11):
        running = int(3 <= second <= 6)
        target.look(second, vllm_page(1000 * second, 100 * second, 10 * second, running))
    assert target.value("costmeter_cost_usd_total", state="active", pod="p") == pytest.approx(4.0)
    assert target.value("costmeter_cost_usd_total", state="idle") == pytest.approx(6.0)
    assert target.value("costmeter_tokens_total", kind="prompt_computed") == 9000
    assert target.value("costmeter_tokens_total", kind="generated", model_name="tiny") == 100
    assert target.value("costmeter_source_up", source="engine") == 1


def test_a_target_that_is_away_is_charged_as_idle_and_said_once() -> None:
    """Its GPUs are rented; what it did meanwhile is counted when it is back, and how long nobody saw it."""
    target = Watched()
    target.look(0, vllm_page(running=1))
    for second in range(1, 31):
        target.look(second, None)
    assert target.value("costmeter_cost_usd_total", state="idle") == pytest.approx(30.0)
    assert target.value("costmeter_source_up", source="engine") == 0
    state = target.polled.state()
    assert (state.down, state.unseen_seconds, state.errors) == ("unreachable", 30.0, {"unreachable": 30})
    assert len(target.said) == 1
    assert "charged as idle" in target.said[0]
    target.look(31, vllm_page(generated=500))
    assert target.said[1:] == ["http://t/metrics is read again"]
    assert target.value("costmeter_tokens_total", kind="generated") == 500
    assert target.polled.state().unseen_seconds == pytest.approx(31.0)


def test_a_short_hiccup_is_no_absence() -> None:
    """Requests that ran before and after it ran meanwhile."""
    target = Watched()
    target.look(0, vllm_page(running=1))
    target.look(3, None)
    target.look(LONGEST_GAP_SECONDS - 1, vllm_page(running=1))
    target.look(LONGEST_GAP_SECONDS, vllm_page(running=1))
    target.look(LONGEST_GAP_SECONDS + 9, vllm_page(running=1))
    assert target.value("costmeter_gpu_seconds_total", state="active") >= LONGEST_GAP_SECONDS
    assert target.polled.state().unseen_seconds == 0


def test_another_model_at_the_same_address_is_not_billed_to_the_first() -> None:
    """It is said, and the bill goes on as idle."""
    target = Watched()
    target.look(0, vllm_page())
    target.page = vllm_page(generated=1000, model="other")
    assert target.polled.poll() == "other_model"
    assert "other" in target.said[0]
    assert target.value("costmeter_tokens_total") == 0


def test_a_target_that_hangs_is_down_and_holds_up_nobody() -> None:
    """Its own thread waits; its state, its metrics and the end of the program do not."""
    released, now = threading.Event(), [0.0]

    def hang() -> EngineSample:
        released.wait(60)
        raise GoneError

    polled = PolledTarget("t", hang, Watched().begin, print, labels={}, monotonic_seconds=lambda: now[0])
    polled.start()
    assert polled.state().down == "not_read_yet"
    now[0] = 60.0
    assert (polled.state().down, polled.families()) == ("timeout", ())
    polled.stop()
    released.set()


class _Failing:
    """A GPU source that does not answer."""

    def __init__(self, name: str | None) -> None:
        self.name = name

    def latest(self) -> GpuReadings:
        """Nothing."""
        return GpuReadings(up=False, reason="no_answer", source=self.name)

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("name", ["nvml", "dcgm", "amdsmi"])
def test_the_gpu_source_goes_by_its_own_name(name: str) -> None:
    """As in the plugin: costmeter_source_up names what was read."""
    target = Watched(_Failing(name))
    target.look(0, vllm_page())
    sources = {
        dict(labels)["source"]: up
        for family in target.polled.families()
        if family.row.name == "costmeter_source_up"
        for labels, up in family.samples
    }
    assert sources == {"price": 1, "engine": 1, name: 0}
