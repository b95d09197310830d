"""A week of servers in a real Prometheus, as `costmeter idle` and `costmeter prices export` read it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from idle_weeks import MONDAY, USD_PER_HOUR, WEEK, recorded, replayed_usd, sparse
from prometheus_server import PrometheusServer, prometheus_scraping
from required_tool import required_tool

from vllm_costmeter.cli.main import main
from vllm_costmeter.core.meter.operations import START, Operation
from vllm_costmeter.sources.servers.return_times import measured_operations, process_start_seconds

pytestmark = pytest.mark.heavy

START_SECONDS = 80
RESTARTED = 3 * 86_400
"""The counters begin again at 0 here."""
METER = {
    "costmeter_gpu_seconds": ('state="active"', 'state="idle"'),
    "costmeter_cost_usd": ('state="active",component="rental"', 'state="idle",component="rental"'),
    "costmeter_phase_cost_usd": ('phase="prefill",method="roofline"', 'phase="decode",method="roofline"'),
    "costmeter_tokens": ('kind="prompt_computed"', 'kind="generated"'),
    "costmeter_request_cost_usd_count": ("",),
}


def counted() -> Iterator[tuple[int, list[float]]]:
    """At each minute: the counters in the order of METER, on one server with a request now and then."""
    totals = [0.0] * 9
    steps = recorded(sparse(0)).steps
    for minute in range(0, WEEK, 60):
        yield minute, totals
        step = steps[MONDAY + minute]
        if minute == RESTARTED:
            totals = [0.0] * 9
        active, usd = step.active_seconds, step.usd * step.active_seconds / 60
        added = (
            active,
            60 - active,
            usd,
            step.usd - usd,
            usd / 4,
            usd * 3 / 4,
            900 * step.requests,
            100 * step.requests,
        )
        totals = [total + more for total, more in zip(totals, (*added, step.requests), strict=True)]


def exposition(first: int) -> str:
    """OpenMetrics with times, by series."""
    rows = list(counted())
    lines, column = [], 0
    for name, labels in METER.items():
        gauge = name.endswith("_count")
        lines.append(f"# TYPE {name} {'gauge' if gauge else 'counter'}")
        for each in labels:
            key = ",".join(filter(None, ('model_name="m",job="vllm",instance="a:8000"', each)))
            series = f"{name}{'' if gauge else '_total'}{{{key}}}"
            lines += [f"{series} {values[column]} {first + minute}" for minute, values in rows]
            column += 1
        if name == "costmeter_gpu_seconds":
            lines += [f"{series} {value} {time}" for series, value, time in restarted(first, GPU_SECONDS)]
    began = first + RESTARTED - START_SECONDS
    server = '{job="vllm",instance="a:8000"}'
    lines.append("# TYPE process_start_time_seconds gauge")
    lines += [f"process_start_time_seconds{server} {began} {first + minute}" for minute, _ in rows]
    lines += [f"{series} {value} {time}" for series, value, time in restarted(first, PROCESS_START)]
    lines += other_server(first)
    return "\n".join([*lines, "# EOF", ""])


GPU_SECONDS, PROCESS_START = "costmeter_gpu_seconds_total", "process_start_time_seconds"


def restarted(first: int, name: str) -> Iterator[tuple[str, int, int]]:
    """Of model r in the last ten minutes: (series, value, time). One server began again at the end and has counted more
    since than the one before it; another has run for an hour, which its meter missed the first 20 s of."""
    end = first + WEEK - 60
    for ago in range(600, -1, -60):
        is_new = ago == 0
        counts = {"r:8000": 50 if is_new else 1, "s:8000": 3600 - 20 - ago}
        starts = {"r:8000": end - (55 if is_new else 700), "s:8000": end - 3600}
        for instance, value in (counts if name == GPU_SECONDS else starts).items():
            labels = f'job="vllm",instance="{instance}"'
            named = f'model_name="r",{labels},state="idle"' if name == GPU_SECONDS else labels
            yield f"{name}{{{named}}}", value, end - ago


def other_server(first: int) -> Iterator[str]:
    """Of model n: what the plugin measured. It starts in 100 s and, from the middle of the week on, in 60; on the first
    day it wakes up three times, in 2 s each, and each wake-up is two calls."""
    server = 'model_name="n",job="vllm",instance="b:8000"'
    yield "# TYPE costmeter_start_seconds gauge"
    for minute in range(0, WEEK, 60):
        yield f"costmeter_start_seconds{{{server}}} {100 if minute < WEEK / 2 else 60} {first + minute}"
    wake = 'operation="wake",level="1"'
    for name, value in (("costmeter_sleep_operations", 3), ("costmeter_sleep_operation_seconds", 6)):
        yield f"# TYPE {name} counter"
        yield from (
            f"{name}_total{{{server},{wake}}} {value} {first + 60 * minute}" for minute in range(1440)
        )
    for part, value in (("sum", 5.4), ("count", 6)):
        name = f"vllm:sleep_mode_operation_duration_seconds_{part}"
        yield f"# TYPE {name} gauge"
        yield from (f'{name}{{operation="wake"}} {value} {first + 60 * minute}' for minute in range(1440))


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """It ends a minute ago or two: the last scrapes are late."""
    folder = tmp_path_factory.mktemp("prometheus")
    text = folder / "week.om"
    text.write_text(exposition(int(time.time()) // 60 * 60 - WEEK))
    promtool, program = required_tool("promtool"), required_tool("prometheus")
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", text, folder / "data"]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    with prometheus_scraping((), Path(program), folder) as server:
        server.wait_for("costmeter_tokens_total")
        yield server


def test_idle_saves_what_a_replay_saves(week: PrometheusServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Over a week asked for in parts, and a restart; the time to start is measured."""
    words = ["--from-prometheus", week.url, "--period", "7d", "--max-delayed", "60%", "--format", "json"]
    assert main(["idle", *words]) == 0
    values = json.loads(capsys.readouterr().out)
    (model,) = values["models"]
    assert model["return_seconds"]["start"] == pytest.approx(
        START_SECONDS, abs=60
    )  # scrapes are a minute apart
    assert "process_start_time_seconds" in model["return_seconds_from"]["start"]
    assert model["return_seconds"]["level_1"] == pytest.approx(0.9)
    assert "vLLM's own histogram" in model["return_seconds_from"]["level_1"]
    assert model["usd"] == pytest.approx(WEEK / 3600 * USD_PER_HOUR, rel=0.01)
    assert model["requests"] == pytest.approx(len(sparse(0)), abs=3)
    (chosen,) = [row for row in model["savings"] if row["way"] == "scale_to_zero" and row["chosen"]]
    usd, waited = replayed_usd(sparse(0), chosen["time_out_seconds"], START_SECONDS)
    assert chosen["saved_usd"] == pytest.approx(usd, rel=0.05)
    assert chosen["delayed_requests"] == pytest.approx(waited, rel=0.1)


def test_what_the_plugin_measured_is_read_by_model(week: PrometheusServer) -> None:
    """The mean of a server's starts by how long each ran; wake-ups also where their counter began with the first."""
    measured = measured_operations(week.url, "7d")
    assert set(measured) == {"n"}
    assert measured["n"][START] == (1, pytest.approx(80, rel=0.01))
    assert measured["n"][Operation("wake", 1)] == (3, pytest.approx(6.0))
    assert measured_operations(week.url, "1m").get("n", {}).keys() <= {START}


def test_a_server_that_just_began_again_tells_nothing(week: PrometheusServer) -> None:
    """Its counters of five minutes ago are those of another process; the model's other server tells."""
    found = process_start_seconds(week.url)
    assert found == {"m": pytest.approx(START_SECONDS, abs=60), "r": pytest.approx(20)}


def test_exported_prices_add_up_to_the_bill(
    week: PrometheusServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Within 1 %, though Prometheus extrapolates."""
    assert main(["prices", "export", "--to", "litellm", "--from-prometheus", week.url, "--period", "6d"]) == 0
    entry = json.loads(capsys.readouterr().out)["hosted_vllm/m"]
    tokens = {
        row["metric"]["kind"]: float(row["value"][1])
        for row in week.query("sum by (kind) (increase(costmeter_tokens_total[6d]))")
    }
    spent = (
        entry["input_cost_per_token"] * tokens["prompt_computed"]
        + entry["output_cost_per_token"] * tokens["generated"]
    )
    assert spent == pytest.approx(6 * 24 * USD_PER_HOUR, rel=0.01)


def test_a_query_that_prometheus_refuses_is_said(
    week: PrometheusServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, with its status: an address that has a path of something else."""
    assert main(["idle", "--from-prometheus", f"{week.url}/nowhere"]) == 2
    error = capsys.readouterr().err
    assert "responded with 404" in error
    assert error.count("\n") == 1
