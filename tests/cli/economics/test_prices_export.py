"""`costmeter prices export`."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from http_stand_in import serving
from ledgers import NOON, SERIES, usage, write

from vllm_costmeter.cli.economics import prices_export
from vllm_costmeter.cli.main import main
from vllm_costmeter.cli.parser import CommandParser

LATER = datetime.fromtimestamp(NOON + 3600, UTC)
FAULTS = {
    "no format": ([], "--to is missing"),
    "a format that is none": (["--to", "litelm"], "--to must be one of"),
    "a period that is none": (["--to", "json", "--period", "soon"], "--period must be a length such as 90m"),
    "an empty period": (["--to", "json", "--period", "0d"], "--period must be"),
    "a period of a server's page": (
        ["--to", "json", "--from-metrics", "http://127.0.0.1:9/metrics", "--period", "1d"],
        "since its start",
    ),
    "a watch without a file": (["--to", "json", "--watch"], "--watch needs --output"),
    "a watch that never ends": (["--to", "json", "--watch", "0"], "--watch must be 1 to 86400 seconds"),
    "two sources": (
        ["--to", "json", "--from-metrics", "http://a", "--from-prometheus", "http://b"],
        "not allowed with",
    ),
    "no such ledger": (["--to", "json", "--from-ledger", "nowhere.sqlite3"], "no ledger at nowhere.sqlite3"),
    "a Prometheus that is not there": (
        ["--to", "json", "--from-prometheus", "http://127.0.0.1:9"],
        "cannot be reached",
    ),
    "a page that is not there": (
        ["--to", "json", "--from-metrics", "http://127.0.0.1:9/metrics"],
        "cannot be reached",
    ),
}


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A model with an adapter, one without tokens, one without a price."""
    path = write(
        tmp_path / "ledger.sqlite3", {NOON: usage(1.0, prompt_cached_tokens=50)}, adapters={"sql": 0.25}
    )
    nothing = usage(1.0, prompt_computed_tokens=0, generated_tokens=0)
    write(path, {NOON: nothing}, SERIES._replace(model_name="quiet"))
    return write(path, {NOON: usage(0.0)}, SERIES._replace(model_name="bare", basis=""))


def run(*words: str, sleep: Any = None) -> int:
    """The command, an hour after noon."""
    root = CommandParser()
    prices_export.add_parser(root.add_subparsers())
    args: argparse.Namespace = root.parse_args(["prices export", *words])
    return prices_export.run(args, clock=lambda: LATER, **({} if sleep is None else {"sleep": sleep}))


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_is_said_in_one_line(fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What was given and what is allowed; exit 2."""
    words, says = FAULTS[fault]
    assert main(["prices", "export", *words]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("status", [401, 422])
def test_a_prometheus_that_refuses_is_said(status: int, capsys: pytest.CaptureFixture[str]) -> None:
    """With its status."""
    with serving('{"status":"error"}', status=status) as url:
        assert main(["prices", "export", "--to", "json", "--from-prometheus", url]) == 2
    assert f"responded with {status}" in capsys.readouterr().err


def test_a_ledgers_last_day_is_priced(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prices x tokens is its bill; who has none is said."""
    assert run("--to", "json", "--from-ledger", str(ledger)) == 0
    out, error = capsys.readouterr()
    (model,) = json.loads(out)["models"]
    prices = model["usd_per_token"]
    assert model["usd"] == 1.5
    assert prices["input"] * 600 + prices["output"] * 100 == pytest.approx(1.5)
    assert "quiet: left out: no tokens in the period" in error
    assert "bare: left out: no price" in error
    assert "--enable-prompt-tokens-details" in error


def test_an_empty_period_is_said_and_writes_nothing(ledger: Path, tmp_path: Path) -> None:
    """Of a ledger that ends before it."""
    file = tmp_path / "prices.json"
    with pytest.raises(ValueError, match="nothing was spent"):
        run("--to", "json", "--from-ledger", str(ledger), "--period", "10m", "--output", str(file))
    assert not file.exists()


def test_a_file_is_overwritten_only_when_asked(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also a dangling link is a file; the folder is left without half files."""
    file = tmp_path / "out" / "prices.json"
    words = ("--to", "litellm", "--from-ledger", str(ledger), "--output", str(file))
    assert run(*words) == 0
    assert "2 names" in capsys.readouterr().out
    written = file.read_text()
    file.write_text("mine")
    with pytest.raises(ValueError, match="exists: nothing was written; --force overwrites"):
        run(*words)
    assert file.read_text() == "mine"
    assert run(*words, "--force") == 0
    assert file.read_text() == written
    assert [each.name for each in file.parent.iterdir()] == ["prices.json"]


def test_watch_keeps_its_own_file_fresh_and_survives_a_lost_source(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second round has new prices; a round without a source leaves the file and says so; Ctrl-C ends it."""
    file = tmp_path / "prices.json"
    seen: list[float] = []

    def sleep(seconds: float) -> None:
        seen.append(json.loads(file.read_text())["models"][0]["usd"])
        if len(seen) == 1:
            write(ledger, {NOON + 60: usage(1.0)})
        elif len(seen) == 2:
            ledger.rename(ledger.with_suffix(".away"))
        else:
            raise KeyboardInterrupt

    words = ("--to", "json", "--from-ledger", str(ledger), "--output", str(file), "--watch", "5")
    with pytest.raises(KeyboardInterrupt):
        run(*words, sleep=sleep)
    assert seen == [1.5, 3.0, 3.0]
    out, error = capsys.readouterr()
    assert error.count("quiet: left out") == 1
    assert "stays as it is" in error
    assert out.count("wrote") == 1


def test_a_watch_says_once_what_only_its_amounts_change(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tokens that are not counted grow all the time: a line each round would fill a log."""
    unpriced = SERIES._replace(basis="", host="elsewhere")
    write(ledger, {NOON: usage(0.0)}, unpriced)
    rounds: list[float] = []

    def sleep(seconds: float) -> None:
        rounds.append(seconds)
        write(ledger, {NOON + 60 * len(rounds): usage(0.0, generated_tokens=10**6)}, unpriced)
        if len(rounds) == 4:
            raise KeyboardInterrupt

    words = (
        "--to",
        "json",
        "--from-ledger",
        str(ledger),
        "--output",
        str(tmp_path / "p.json"),
        "--watch",
        "1",
    )
    with pytest.raises(KeyboardInterrupt):
        run(*words, sleep=sleep)
    assert capsys.readouterr().err.count("are not counted") == 1
