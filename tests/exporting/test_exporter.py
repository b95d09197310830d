"""How the meter of each target begins, and what the page of several shows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.servers.scrape import Scrape, parse
from vllm_costmeter.core.engines.sample import EngineCounts, EngineSample
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.exporting.beginning import Terms
from vllm_costmeter.exporting.exporter import Exporter
from vllm_costmeter.metering.polled_target import PolledTarget
from vllm_costmeter.sources.targets.target import Target

ONE, TWO = Target("http://a:1/metrics"), Target("http://b:1/metrics")
COUNTS = EngineCounts(prompt_tokens=0.0, cached_tokens=0.0, generated_tokens=0.0, running_requests=0.0)
SAMPLE = EngineSample("vllm", (COUNTS,), "m")
H100 = GpuReading(
    "0",
    0,
    "GPU-1",
    "NVIDIA H100 80GB HBM3",
    memory_total_bytes=85_000_000_000,
    process_memory_bytes=0,
    power_watts=400.0,
    energy_joules=100.0,
)


class Pages:
    """The pages of one target, without a server."""

    def __init__(self, sample: EngineSample) -> None:
        self.now = sample

    def sample(self) -> EngineSample:
        return self.now

    def close(self) -> None:
        """Nothing is open."""


class Gpus:
    """A source of GPU readings."""

    def __init__(self) -> None:
        self.readings = GpuReadings(True, (H100,), 1.0)

    def latest(self) -> GpuReadings:
        return self.readings

    def close(self) -> None:
        """Nothing is open."""


def exporter(
    *targets: Target,
    sample: EngineSample = SAMPLE,
    settings: Callable[[Target], Settings] = lambda target: Settings(gpu_hourly_usd=2.0, price_source="flag"),
    **terms: object,
) -> tuple[Exporter, list[str], list[str | None]]:
    """With these targets read once: itself, what it said, and why each was not read."""
    said: list[str] = []
    made = Exporter(Terms(settings=settings, pages=lambda target: Pages(sample), **terms), said.append)
    return made, said, [polled.poll() for polled in made.follow(targets)]


def page(made: Exporter) -> Scrape:
    return parse(made.page().decode())


def test_each_target_has_its_gpus_and_its_price() -> None:
    """A target's own, else the exporter's, else one for each of its engines."""
    engines = replace(SAMPLE, engines=(COUNTS, replace(COUNTS, index=1)))
    made, said, _ = exporter(ONE, replace(TWO, gpus=8), sample=engines, instances=True)
    found = page(made)
    assert found.value("costmeter_price_usd_per_hour", instance="a:1") == 4
    assert found.value("costmeter_price_usd_per_hour", instance="b:1") == 16
    assert "2 GPUs (assumed: --gpus says how many) at $4/h" in said[0]
    assert "8 GPUs at $16/h in total (rental, from flag)" in said[1]


def test_gpus_that_cannot_be_divided_are_refused() -> None:
    """Three data-parallel engines on four GPUs is a mistake of whoever said it."""
    three = replace(SAMPLE, engines=tuple(replace(COUNTS, index=index) for index in range(3)))
    _, said, why = exporter(ONE, sample=three, gpus=4)
    assert why == ["gpus"]
    assert "--gpus" in said[0]


def test_a_source_of_gpus_is_whatever_reads_them() -> None:
    """Memory, power, energy, and a price by the GPU's name; what the engine's processes hold is not known."""
    made, said, _ = exporter(ONE, settings=lambda target: Settings(), gpu_source=Gpus(), gpus=1)
    found = page(made)
    assert found.value("costmeter_gpu_power_watts", gpu="0") == 400
    assert found.has("costmeter_energy_joules_total", gpu="0")
    assert found.value("costmeter_source_up", source="nvml") == 1
    assert not found.has("costmeter_gpu_process_memory_bytes")
    assert "catalogue" in said[0]
    assert (found.value("costmeter_price_usd_per_hour") or 0) > 0


def test_without_a_price_there_are_tokens_and_no_dollars() -> None:
    """And how to set one is said."""
    made, said, _ = exporter(ONE, settings=lambda target: Settings())
    assert page(made).has("costmeter_tokens_total")
    assert not page(made).has("costmeter_cost_usd_total")
    assert "--gpu-hourly-usd" in said[0]


def test_an_unknown_api_model_costs_only_the_comparison() -> None:
    """Metering goes on."""
    settings = Settings(gpu_hourly_usd=1.0, api_provider="deepinfra", api_model="no-such-model")
    made, said, _ = exporter(ONE, settings=lambda target: settings)
    assert page(made).has("costmeter_cost_usd_total")
    assert not page(made).has("costmeter_api_equivalent_usd_total")
    assert any("no comparison with an API" in line for line in said)


def test_two_targets_with_the_same_series_are_not_both_metered() -> None:
    """The second is refused until the first has gone."""
    again = replace(ONE, url="http://a:1/again")
    made, said, why = exporter(ONE, again, instances=True)
    assert why == [None, "duplicate"]
    assert "one server twice?" in said[1]
    made.follow([again])
    assert page(made).value("costmeter_target_up", target=again.url) == 0
    (polled,) = made._polling()
    assert polled.poll() is None


def test_a_target_that_is_no_longer_listed_is_gone_and_in_the_ledger(tmp_path: Path) -> None:
    """Its series end; what it cost stays."""
    made, _, _ = exporter(ONE, TWO, instances=True, ledger=tmp_path / "ledger.sqlite3")
    assert made.follow([TWO]) == []
    assert not page(made).has("costmeter_target_up", target=ONE.url)
    assert page(made).has("costmeter_target_up", target=TWO.url)
    made.stop()
    assert (tmp_path / "ledger.sqlite3").exists()


def test_every_metric_appears_once_however_many_targets_have_it() -> None:
    """One HELP and one TYPE each: Prometheus refuses a page with two."""
    made, _, _ = exporter(ONE, TWO, instances=True)
    helps = [line.split()[2] for line in made.page().decode().splitlines() if line.startswith("# HELP")]
    assert len(helps) == len(set(helps))


@pytest.mark.parametrize("missing", ["cached_tokens"])
def test_a_model_of_no_name_is_called_unknown(missing: str) -> None:
    """Unless the target gives one."""
    nameless = replace(SAMPLE, model_name=None, engine="tgi", engines=(replace(COUNTS, **{missing: None}),))
    made, _, _ = exporter(ONE, replace(TWO, model_name="mine"), sample=nameless, instances=True)
    assert page(made).has("costmeter_tokens_total", model_name="unknown", kind="prompt", instance="a:1")
    assert page(made).has("costmeter_tokens_total", model_name="mine", instance="b:1")


def test_a_server_that_has_the_plugin_is_said_to_be_counted_twice() -> None:
    """It is metered all the same: both may be wanted, side by side."""
    _, said, why = exporter(ONE, sample=replace(SAMPLE, has_plugin=True))
    assert (why, "counts it twice" in said[1]) == ([None], True)


def test_settings_of_a_target_that_do_not_go_together_cost_only_that_target() -> None:
    """They are said with its name."""

    def settings(target: Target) -> Settings:
        if target == TWO:
            raise BadInputError("two prices")
        return Settings(gpu_hourly_usd=2.0)

    made, said, why = exporter(ONE, TWO, settings=settings, instances=True)
    assert why == [None, "settings"]
    assert said[1].startswith("http://b:1/metrics: two prices; it is not metered")
    assert page(made).value("costmeter_target_down_info", target=TWO.url, reason="settings") == 1


def test_a_fault_of_one_target_is_counted_and_no_other_loses_its_page(monkeypatch) -> None:
    """Whatever raises."""
    made, said, _ = exporter(ONE, TWO, instances=True)
    monkeypatch.setattr(made._polling()[0], "families", lambda: 1 / 0)
    found = page(made)
    assert found.value("costmeter_errors_total", where="exporter") == 1
    assert found.has("costmeter_gpu_seconds_total", instance="b:1")
    assert said[-1] == "ZeroDivisionError: division by zero"


def test_the_end_waits_for_all_targets_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, a hundred that hang would outlast the time that Kubernetes gives."""
    together, ended = threading.Barrier(20), []

    def stop(polled: PolledTarget) -> None:
        together.wait(60)
        ended.append(polled.name)

    made, _, _ = exporter(*(Target(f"http://{name}:1/metrics") for name in range(20)), instances=True)
    monkeypatch.setattr(PolledTarget, "stop", stop)
    made.stop()
    assert len(ended) == 20


@pytest.mark.parametrize(
    ("tokens", "process", "is_one"), [(70.0, "1.5", True), (0.0, "1.5", False), (70.0, None, False)]
)
def test_a_server_behind_two_addresses_is_charged_once(
    tokens: float, process: str | None, is_one: bool
) -> None:
    """Known by its process and its tokens; two that have just started together may be two."""
    sample = replace(SAMPLE, process=process, engines=(replace(COUNTS, generated_tokens=tokens),))
    made, said, why = exporter(ONE, TWO, sample=sample, instances=True)
    assert why == [None, "duplicate" if is_one else None]
    assert is_one == ("are one server" in said[1])
    if is_one:
        made.follow([TWO])
        (polled,) = made._polling()
        assert polled.poll() is None
