"""A server is told to end, or killed, at every stage of its start and of its end, and under load."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from harness import FEW_PROCESSES, METERED, USD_PER_HOUR, Serve
from patience import holds_within
from server_slots import ServerSlots
from tracebacks import errors_through
from under_load import under_load

from scripts.bench.processes import members, stat_fields
from scripts.servers.scrape import Scrape, scrape
from scripts.servers.vllm_server import VLLM, end_of, environment, free_port, running
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.sources.ledger.read import opened_ledger

from .conftest import Found

pytestmark = pytest.mark.chaos

STAGES = {
    "while it imports": "",
    "while it reads its flags": "non-default args",
    "while the engine begins": "Initializing a V1 LLM engine",
    "while the KV cache is made": "KV cache size",
    "once it serves": "Application startup complete",
}
ENDING = {
    "as it stops listening": "Shutting down",
    "as the application ends": "Waiting for application shutdown",
    "when the application has ended": "Application shutdown complete",
}
"""Stages of an end, which SIGTERM began."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
STOP_THERE = """
import logging, os, signal

logged = logging.Logger.callHandlers


def and_stop(logger, record):
    logged(logger, record)
    if logging.Logger.callHandlers is and_stop and os.environ["STOP_AT"] in record.getMessage():
        logging.Logger.callHandlers = logged
        os.kill(os.getpid(), signal.SIGSTOP)


if os.environ.get("STOP_AT"):
    logging.Logger.callHandlers = and_stop
"""
"""What every Python process of a server runs first: it stops itself behind a line of its log, so that a signal strikes
there however busy the machine is."""
PATIENCE_SECONDS = 240
ENDS_WITHIN_SECONDS = 90
"""At a stage of a start. vLLM itself does not end at some."""
ARRIVES_WITHIN_SECONDS = 600
LATE_SECONDS = 7.0
"""The ledger is written every five seconds."""


def spent(path: Path) -> Usage:
    """Everything in a ledger; nothing where there is none."""
    if not path.exists():
        return Usage()
    with opened_ledger(path) as ledger:
        return sum((row.usage for row in ledger.usage(0, 1e12)), Usage())


def lost_seconds(page: Scrape, kept: Usage, lived: float) -> float:
    """Seconds that a page of the server showed and its ledger has not; the ledger never has more than it lived."""
    assert kept.usd() * 3600 / USD_PER_HOUR <= lived
    return max(0.0, (page.total("costmeter_cost_usd_total") - kept.usd()) * 3600 / USD_PER_HOUR)


def ended(
    model: Path, folder: Path, flags: tuple[str, ...], words: str, number: int, *, is_ending: bool = False
) -> tuple[int | str, int, list[str]]:
    """(exit status, processes left over after half a minute, errors that passed through our code) of a server that gets
    a signal behind these words of its log. `is_ending`: it has served for ten seconds, and SIGTERM came before."""
    command = (str(VLLM), "serve", str(model), "--enforce-eager", "--max-model-len", "1024")
    command += (*flags, "--host", "127.0.0.1", "--port", str(free_port()))
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(STOP_THERE)
    log, path = folder / "log", os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    env = {**FEW_PROCESSES, "PYTHONPATH": path, "STOP_AT": words}
    with running(command, log, environment(env)) as process:
        if is_ending:
            served = holds_within(
                lambda: "Application startup complete" in log.read_text(errors="replace"),
                ARRIVES_WITHIN_SECONDS,
            )
            assert served, end_of(log)
            time.sleep(10)
            process.send_signal(signal.SIGTERM)
        if words:
            arrived = holds_within(
                lambda: stopped(process.pid) or process.poll() is not None, ARRIVES_WITHIN_SECONDS
            )
            assert arrived, end_of(log)
            assert process.poll() is None, f"it ended by itself: {end_of(log)}"
        else:
            time.sleep(1)
        process.send_signal(number)
        for member in members(process.pid):
            os.kill(member, signal.SIGCONT)
        status: int | str
        try:
            status = process.wait(ENDS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            status = f"none in {ENDS_WITHIN_SECONDS} s"
        holds_within(lambda: not members(process.pid), 30)
        left = len(members(process.pid))
    return status, left, errors_through(log.read_text(errors="replace"), "vllm_costmeter")


def stopped(group: int) -> bool:
    """Whether one of its processes is."""
    return any(fields[0] == "T" for each in members(group) if (fields := stat_fields(each)))


@pytest.mark.parametrize("number", SIGNALS, ids=[each.name for each in SIGNALS])
@pytest.mark.parametrize("stage", STAGES)
def test_it_ends_as_it_would_without_the_plugin(  # noqa: PLR0917 (fixtures)
    tiny_model: Path, tmp_path: Path, slots: ServerSlots, stage: str, number: int, found: Found
) -> None:
    """The same exit status, as few processes left over, no error of ours, and a ledger that opens."""
    ledger = tmp_path / "ledger.sqlite3"
    metered = (*METERED, "--costmeter-ledger", str(ledger))
    with slots.one():
        began = time.monotonic()
        with_it = ended(tiny_model, tmp_path / "with", metered, STAGES[stage], number)
        lived = time.monotonic() - began
        without = ended(tiny_model, tmp_path / "without", (), STAGES[stage], number)
    assert with_it[:2] == without[:2], end_of(tmp_path / "with" / "log")
    assert with_it[2] == []
    serves = stage == list(STAGES)[-1]
    assert 0 <= spent(ledger).usd() <= (lived * USD_PER_HOUR / 3600 if serves else 0)
    name = signal.Signals(number).name
    found(
        f"{name} {stage}",
        "what was not written yet" if serves else "nothing: the meter had not begun",
        signal=name,
        stage=f"{list(STAGES).index(stage) + 1} {stage}",
        exit_status={"with": with_it[0], "without": without[0]},
    )


@pytest.mark.parametrize("number", SIGNALS, ids=[each.name for each in SIGNALS])
@pytest.mark.parametrize("stage", ENDING)
def test_another_signal_while_it_ends(  # noqa: PLR0917 (fixtures)
    tiny_model: Path, tmp_path: Path, slots: ServerSlots, stage: str, number: int, found: Found
) -> None:
    """The same exit status as without the plugin, nothing left over, and a ledger that has all but the last seconds,
    once."""
    ledger = tmp_path / "ledger.sqlite3"
    metered = (*METERED, "--costmeter-ledger", str(ledger))
    with slots.one():
        began = time.monotonic()
        with_it = ended(tiny_model, tmp_path / "with", metered, ENDING[stage], number, is_ending=True)
        lived = time.monotonic() - began
        without = ended(tiny_model, tmp_path / "without", (), ENDING[stage], number, is_ending=True)
    assert with_it[:2] == without[:2], end_of(tmp_path / "with" / "log")
    assert with_it[2] == []
    kept = spent(ledger).usd() * 3600 / USD_PER_HOUR
    assert 10 - LATE_SECONDS <= kept <= lived
    name = signal.Signals(number).name
    found(
        f"SIGTERM, then {name} {stage}",
        "at most the last 7 seconds",
        signal=name,
        stage=f"{list(ENDING).index(stage) + 6} SIGTERM, then {stage}",
        exit_status={"with": with_it[0], "without": without[0]},
    )


@pytest.mark.parametrize("number", SIGNALS, ids=[each.name for each in SIGNALS])
def test_under_load(serve: Serve, tmp_path: Path, number: int, found: Found) -> None:
    """A server that is told to end writes its last seconds; one that is killed loses what it had not written."""
    ledger = tmp_path / "ledger.sqlite3"
    with serve() as bare, under_load(bare.url):
        time.sleep(5)
        bare.process.send_signal(number)
        without = bare.process.wait(PATIENCE_SECONDS)
    began = time.monotonic()
    with serve(*METERED, "--costmeter-ledger", str(ledger)) as server:
        with under_load(server.url) as load:
            time.sleep(15)
            page = scrape(server.url)
            tokens = int(page.total("costmeter_tokens_total", kind="generated"))
            server.process.send_signal(number)
            status = server.process.wait(PATIENCE_SECONDS)
        kept = spent(ledger)
        lost = lost_seconds(page, kept, time.monotonic() - began)
        assert kept.generated_tokens <= load.asked_tokens
        if number == signal.SIGKILL:
            assert lost <= LATE_SECONDS
        else:
            assert lost == 0.0
            assert kept.generated_tokens >= tokens
    assert status == without
    name = signal.Signals(number).name
    rule = "at most the last 7 seconds" if number == signal.SIGKILL else "nothing"
    found(
        f"{name} under load",
        rule,
        seconds_lost=round(lost, 2),
        exit_status={"with": status, "without": without},
    )


def test_a_second_signal_while_it_ends(serve: Serve, tmp_path: Path, found: Found) -> None:
    """SIGTERM and at once SIGINT: it ends, and what it had written is there once."""
    ledger = tmp_path / "ledger.sqlite3"
    began = time.monotonic()
    with serve(*METERED, "--costmeter-ledger", str(ledger)) as server:
        with under_load(server.url):
            time.sleep(10)
            page = scrape(server.url)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            server.process.send_signal(signal.SIGINT)
            status = server.process.wait(PATIENCE_SECONDS)
        lost = lost_seconds(page, spent(ledger), time.monotonic() - began)
        assert lost <= LATE_SECONDS
    found(
        "SIGTERM and SIGINT together",
        "at most the last 7 seconds",
        seconds_lost=round(lost, 2),
        exit_status=status,
    )
