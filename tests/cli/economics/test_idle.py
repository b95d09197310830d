"""`costmeter idle`."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from http_stand_in import serving
from idle_weeks import recorded, replayed_usd, sparse
from ledgers import NOON, SERIES, usage, write

from vllm_costmeter.cli.main import main
from vllm_costmeter.core.ledger.rows import Interval
from vllm_costmeter.core.meter.operations import START, Durations
from vllm_costmeter.outputs.ledger.file import LedgerFile

FAULTS = {
    "a period that is none": (["--ledger", __file__, "--period", "soon"], "--period must be a length"),
    "a time-out too short to tell": (["--after", "1m"], "--after must be at least 5m"),
    "a time-out that is none": (["--after", "later"], "--after must be a length"),
    "a share that is none": (["--max-delayed", "lots"], "--max-delayed"),
    "a time below 0": (["--start-seconds", "-1"], "--start-seconds must be 0 to 86400 seconds"),
    "no such file": (["--from-samples", "nowhere.csv"], "nowhere.csv: does not exist"),
    "no such ledger": (["--ledger", "nowhere.sqlite3"], "no ledger at nowhere.sqlite3"),
    "a Prometheus that is not there": (["--from-prometheus", "http://127.0.0.1:9"], "cannot be reached"),
    "a period of a file": (["--period", "1d"], "--period is for a ledger or a Prometheus"),
    "a snippet in JSON": (
        ["--snippet", "keda", "--format", "json"],
        "--snippet prints one configuration as text",
    ),
    "two sources": (["--from-prometheus", "http://a", "--ledger", "b"], "not allowed with"),
    "a snippet that is none": (["--snippet", "hpa"], "--snippet must be one of"),
}


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of a quiet server's minutes."""
    file = tmp_path_factory.mktemp("week") / "week.csv"
    with file.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("start", "active_seconds", "requests", "usd", "model", "gpu"))
        for minute, step in recorded(sparse(0)).steps.items():
            rows.writerow(
                (minute, step.active_seconds, step.requests, step.usd, "quiet", "NVIDIA H100 80GB HBM3")
            )
    return file


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_is_said_in_one_line(fault: str, week: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was given and what is allowed; exit 2."""
    words, says = FAULTS[fault]
    source = (
        []
        if any(word.startswith(("--from", "--ledger")) for word in words)
        else ["--from-samples", str(week)]
    )
    assert main(["idle", *source, *words]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("status", "says"), [(401, "responded with 401"), (422, "responded with 422"), (200, "no metered server")]
)
def test_a_prometheus_that_has_nothing_is_said(
    status: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It refuses, or has no such series."""
    with serving('{"status": "success", "data": {"result": []}}', status=status) as url:
        assert main(["idle", "--from-prometheus", url]) == 2
    assert says in capsys.readouterr().err


def test_the_savings_are_what_a_replay_saves(week: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In JSON, by time-out; one of each way is chosen within the share that may wait."""
    words = ["--start-seconds", "90", "--wake-seconds", "2", "--max-delayed", "50%", "--format", "json"]
    assert main(["idle", "--from-samples", str(week), *words]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["schema"] == "costmeter.idle/1"
    (model,) = values["models"]
    assert (model["model"], model["usd"]) == ("quiet", pytest.approx(504))
    (chosen,) = [row for row in model["savings"] if row["way"] == "scale_to_zero" and row["chosen"]]
    usd, _ = replayed_usd(sparse(0), chosen["time_out_seconds"], 90)
    assert chosen["saved_usd"] == pytest.approx(usd, rel=0.05)
    assert chosen["delayed_share"] <= 0.5
    assert chosen["longest_delay_seconds"] == 90
    level_2 = [row for row in model["savings"] if row["way"] == "sleep_level_2"]
    assert all("mean_delay_seconds" not in row and not row["on_the_bill"] for row in level_2)


def test_the_table_says_what_is_not_known(week: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No time to start was given: a dash, and the flag that states it."""
    assert main(["idle", "--from-samples", str(week), "--max-delayed", "100%"]) == 0
    out = capsys.readouterr().out
    assert "scale to zero" in out
    assert "cheaper GPU" in out
    assert ">= " in out
    assert "state it with --start-seconds" in out
    assert "Sleep keeps the GPU rented" in out


@pytest.mark.parametrize("format", ["markdown", "csv"])
def test_every_format_has_the_ways(format: str, week: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of one time-out that was asked for."""
    assert main(["idle", "--from-samples", str(week), "--after", "20m", "--format", format]) == 0
    assert "20 min" in capsys.readouterr().out


@pytest.mark.parametrize(("stated", "notes"), [([], 1), (["--wake-seconds", "0"], 0)])
def test_a_snippet_says_if_the_wait_is_not_known(
    stated: list[str], notes: int, week: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stated wait of nothing is known."""
    words = ["idle", "--from-samples", str(week), "--snippet", "sleep", "--after", "30m"]
    assert main([*words, "--max-delayed", "100%", *stated]) == 0
    assert capsys.readouterr().err.count("how long a request then waits is not known") == notes


def test_a_snippet_alone_is_ready_to_apply(week: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One ScaledObject with the chosen time-out; none where no time-out is allowed."""
    words = ["idle", "--from-samples", str(week), "--snippet", "keda", "--after", "30m"]
    assert main([*words, "--max-delayed", "100%", "--start-seconds", "90"]) == 0
    assert capsys.readouterr().err == ""
    assert main([*words, "--max-delayed", "100%"]) == 0
    found = capsys.readouterr()
    assert "quiet: how long a request then waits is not known (--start-seconds)" in found.err
    assert yaml.safe_load(found.out)["spec"]["cooldownPeriod"] == 1500  # its queries look back 300 s
    assert main([*words, "--max-delayed", "0.1%"]) == 2
    assert "no time-out saves" in capsys.readouterr().err


def test_a_model_without_a_price_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside one that has one; alone it is bad input."""
    file = tmp_path / "week.csv"
    header, bare = "start,active_seconds,requests,usd,model\n", "0,1,1,0,bare\n"
    file.write_text(f"{header}{bare}")
    assert main(["idle", "--from-samples", str(file)]) == 2
    assert "has a price, so there is nothing to save" in capsys.readouterr().err
    file.write_text(f"{header}{bare}0,1,1,1,m\n")
    assert main(["idle", "--from-samples", str(file)]) == 0
    assert "bare has no price" in capsys.readouterr().out


def test_the_chart_is_drawn(week: Path, tmp_path: Path) -> None:
    """As a file that is a picture."""
    file = tmp_path / "idle.svg"
    assert main(["idle", "--from-samples", str(week), "--plot", str(file)]) == 0
    assert "<svg" in file.read_text()


def test_a_ledger_has_minutes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two idle hours: an hour less than all of it is saved by a time-out of one."""
    from vllm_costmeter.cli.economics import idle
    from vllm_costmeter.cli.parser import CommandParser

    path = tmp_path / "ledger.sqlite3"
    quiet = usage(0, idle_rental_usd=0.1, active_gpu_seconds=0, idle_gpu_seconds=60, finished_requests=0)
    write(path, {NOON + 60 * at: quiet for at in range(120)}, SERIES)
    root = CommandParser()
    idle.add_parser(root.add_subparsers())
    args = root.parse_args(
        ["idle", "--ledger", str(path), "--period", "1d", "--start-seconds", "60", "--format", "json"]
    )
    assert idle.run(args, now=datetime.fromtimestamp(NOON + 7200, UTC)) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    saved = {row["setting"]: row["saved_usd"] for row in model["savings"] if row["way"] == "scale_to_zero"}
    assert saved["after 1 h"] == pytest.approx(6.0)
    assert (model["usd"], model["idle_share"]) == (pytest.approx(12.0), 1.0)


def test_a_ledger_has_the_times_of_its_servers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of each model, over all ledgers of a folder, also of a start before the period; a way that saves nothing is
    named."""
    now = int(datetime.now(UTC).timestamp()) // 60 * 60
    quiet = usage(0, idle_rental_usd=0.1, active_gpu_seconds=0, idle_gpu_seconds=60, finished_requests=0)
    for model, host, took in (("m", "a", 90.0), ("m", "b", 110.0), ("n", "a", 400.0)):
        file = LedgerFile(tmp_path / f"{model}-{host}.sqlite3")
        series = SERIES._replace(model_name=model, host=host)
        file.add(series, {now - 86_400: Interval(quiet, {}, {START: Durations(1, took)})})
        file.add(series, {now - 60 * at: Interval(quiet, {}) for at in range(1, 61)})
        file.close()
    words = ["idle", "--ledger", str(tmp_path / "*.sqlite3"), "--period", "1h"]
    assert main([*words, "--format", "json"]) == 0
    models = json.loads(capsys.readouterr().out)["models"]
    assert {each["model"]: each["return_seconds"] for each in models} == {
        "m": {"start": 100.0},
        "n": {"start": 400.0},
    }
    assert main([*words, "--gpu", "L4"]) == 2
    assert "--gpu is for one model" in capsys.readouterr().err
    assert main([*words, "--after", "2h"]) == 0
    out = capsys.readouterr().out
    assert "scale to zero; sleep, level 1; sleep, level 2: saves nothing here." in out
    assert "by time-out" not in out
