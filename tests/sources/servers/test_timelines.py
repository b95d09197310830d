"""Minutes of servers from a Prometheus."""

from __future__ import annotations

import json

import pytest
from http_stand_in import serving

from vllm_costmeter.core.economics.idle.timeline import Replica, Step
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.servers.timelines import gpu_names, timelines

SERVER = {"model_name": "m", "job": "vllm", "instance": "a:8000"}


def matrix(*values: float | None) -> str:
    """Of one server, at minutes from 0; None: not scraped."""
    points = [[60 * at, str(value)] for at, value in enumerate(values) if value is not None]
    return json.dumps({"status": "success", "data": {"result": [{"metric": SERVER, "values": points}]}})


def vector(*labels: dict[str, str]) -> str:
    """An instant answer of ones."""
    return json.dumps({"data": {"result": [{"metric": each, "value": [0, "1"]} for each in labels]}})


def test_a_minute_is_the_increase_of_the_counters() -> None:
    """Of a server with two GPUs; a minute without a scrape is missing, a restart begins again at 0."""
    answers = (
        matrix(0, 30, 90, None, 95, 4),  # active
        matrix(0, 120, 240, None, 250, 60),  # all
        matrix(0, 1, 2, None, 3, 1),
        matrix(0, 0.1, 0.2, None, 0.3, 0.05),
        matrix(0, 50, 70, None, 80, 9),
    )
    with serving(*answers) as url:
        (found,) = timelines(url, 0, 360)
    assert (found.model_name, found.name, found.gpus) == ("m", "vllm a:8000", 2)
    assert set(found.steps) == {0, 60, 240}
    assert found.steps[0] == Step(15.0, 1, 0.1, 50)
    assert found.steps[240] == Step(4.0, 1, 0.05, 9)


def read(seconds: list[float | None], gpus: int = 1, *, usd_per_hour: float = 3.0) -> Replica:
    """One server whose meter had run these seconds at each minute; active half of them, with ten requests and 600
    generated tokens in each minute."""
    each = [None if at is None else at * gpus for at in seconds]
    rates = (0.5, 1.0, 10 / 60 / gpus, usd_per_hour / 3600 / gpus, 600 / 60 / gpus)
    answers = [matrix(*(None if at is None else rate * at for at in each)) for rate in rates]
    with serving(*answers) as url:
        (found,) = timelines(url, 0, 60 * len(seconds))
    return found


EVERY_MINUTE: list[float] = [60.0 * at for at in range(11)]


@pytest.mark.parametrize(
    ("at", "values"),
    [
        (4, [None]),  # a scrape failed
        (4, [None, None, None]),
        (4, [180.0, 180.0]),  # Prometheus restarted: it repeats what it knew
        (1, [0.0]),  # a scrape interval of two minutes
        (4, [236.0]),  # a scrape came four seconds late
    ],
)
def test_a_gap_in_what_was_scraped_is_none_of_the_server(at: int, values: list[float | None]) -> None:
    """Every minute is there with what the whole gap has of it; no minute is busier than the server can be."""
    seconds: list[float | None] = list(EVERY_MINUTE)
    seconds[at : at + len(values)] = values
    if values == [0.0]:
        seconds = [120.0 * (minute // 2) for minute in range(11)]
    found = read(seconds, gpus=8)
    assert (found.gpus, sorted(found.steps)) == (8, [60 * minute for minute in range(10)])
    assert found.usd == pytest.approx(0.5)
    for step in found.steps.values():
        assert step.active_seconds == pytest.approx(30)
        assert step.generated_tokens == pytest.approx(600, rel=0.07)
        assert step.requests == pytest.approx(10, rel=0.07)


def test_a_server_that_was_away_was_not_paid_for() -> None:
    """Its counters began again, or had no time to grow in."""
    found = read([0, 60, None, None, None, 30, 90])
    assert sorted(found.steps) == [0, 300]
    assert read([0, 60, None, None, None, 90, 150]).usd == pytest.approx(0.1)


@pytest.mark.parametrize("holed", range(5))
def test_a_value_that_was_not_scraped_is_not_zero(holed: int) -> None:
    """Whichever counter has the hole: what it had before is not counted again."""
    whole = [(50.0, 60, 70, 80), (100, 160, 220, 280), (10, 11, 12, 13), (5000, 5000.1, 5000.2, 5000.3)]
    counters: list[list[float | None]] = [list(each) for each in (*whole, (7000, 7100, 7200, 7300))]
    counters[holed][1] = -1.0
    with serving(*(matrix(*each) for each in counters)) as url:
        (found,) = timelines(url, 0, 240)
    assert sum(step.usd for step in found.steps.values()) <= 0.31
    assert sum(step.generated_tokens for step in found.steps.values()) <= 300


def test_a_long_period_is_asked_in_parts() -> None:
    """A Prometheus refuses more than 11,000 points."""
    with serving(*[matrix(0, 1)] * 15, '{"data": {"result": []}}') as url:
        assert len(timelines(url, 0, 3 * 86_400)) == 1


def test_the_gpu_of_a_model_is_known_where_all_its_servers_have_the_same() -> None:
    """By the server that reports both."""
    gpus = vector(
        {"job": "vllm", "instance": "a:8000", "name": "NVIDIA H100"},
        {"job": "vllm", "instance": "b", "name": "NVIDIA L4"},
    )
    two_names = vector(
        {"job": "vllm", "instance": "a:8000", "name": "NVIDIA H100"},
        {"job": "vllm", "instance": "a:8000", "name": "NVIDIA L4"},
    )
    with serving(two_names, vector(SERVER)) as url:
        assert gpu_names(url, "7d") == {}
    elsewhere = vector({"cluster": "two", "job": "vllm", "instance": "a:8000", "name": "NVIDIA L4"})
    with serving(elsewhere, vector(SERVER)) as url:
        assert gpu_names(url, "7d") == {}
    models = vector(SERVER, {**SERVER, "model_name": "two"}, {**SERVER, "model_name": "two", "instance": "b"})
    with serving(gpus, models) as url:
        assert gpu_names(url, "7d") == {"m": "NVIDIA H100"}


@pytest.mark.parametrize("body", ["<html>", "{}", '{"data": {"result": [{"metric": {}, "values": [1]}]}}'])
def test_what_is_no_prometheus_is_said(body: str) -> None:
    """In one line."""
    with serving(body) as url, pytest.raises(BadInputError, match="does not respond like Prometheus"):
        timelines(url, 0, 120)
