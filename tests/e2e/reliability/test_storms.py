"""Many API servers, started and killed again and again in one shared folder."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from harness import FEW_PROCESSES, METERED, USD_PER_HOUR, Serve
from patience import holds_within
from under_load import answers, under_load

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import VLLM, environment, free_port, running

from .conftest import Found
from .test_signals import ARRIVES_WITHIN_SECONDS, LATE_SECONDS, spent

pytestmark = pytest.mark.chaos

API_SERVERS, LAST = 8, 2
KILLED_AT = ("non-default args", "Initializing a V1 LLM engine", "Application startup complete")
"""Words of the log at which all processes are killed, a round each; the last round serves."""
FILES_PER_PROCESS = 5
"""What it told the one that charges, its ended requests, and a file for each kind of metric."""


def test_a_storm_of_api_servers(serve: Serve, tiny_model: Path, tmp_path: Path, found: Found) -> None:
    """Eight of them at a time, killed at every stage on the same ledger and in the same folders, and a smaller server
    after them: nothing is left over, nothing counts twice, and it counts what its clients were told."""
    exchange, temporary, ledger = tmp_path / "exchange", tmp_path / "temporary", tmp_path / "ledger.sqlite3"
    for folder in (exchange, temporary):
        folder.mkdir()
    env = {"PROMETHEUS_MULTIPROC_DIR": str(exchange), "TMPDIR": str(temporary)}
    flags = (*METERED, "--costmeter-ledger", str(ledger), "--costmeter-request-price", "record")
    lived_seconds = 0.0
    for number, words in enumerate(KILLED_AT):
        began = time.monotonic()
        killed_at(
            words,
            tiny_model,
            (*flags, "--api-server-count", str(API_SERVERS)),
            env,
            tmp_path / f"{number}.log",
        )
        lived_seconds += time.monotonic() - began
        assert left_in(exchange) <= API_SERVERS * FILES_PER_PROCESS + 1
        assert len(list(temporary.glob("costmeter-*"))) <= 1
    began = time.monotonic()
    before = spent(ledger)
    with serve(*flags, "--no-enable-prefix-caching", "--api-server-count", str(LAST), env=env) as server:
        healthy = answers(server.url)
        asked = len(healthy) * 16
        with under_load(server.url) as load:
            time.sleep(15)
        assert load.broken == []
        assert answers(server.url) == healthy
        asked += len(healthy) * 16
        told = load.told_tokens + asked
        assert holds_within(lambda: generated(server.url) >= told, 30)
        assert told <= generated(server.url) <= load.asked_tokens + asked
        assert left_in(exchange) <= LAST * FILES_PER_PROCESS + 1
        assert len(list(temporary.glob("costmeter-*"))) == 1, "what killed servers left was not swept"
        time.sleep(LATE_SECONDS)  # vLLM kills several API servers as soon as it has asked them to end
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(90)
    lived_seconds += time.monotonic() - began
    kept = spent(ledger)
    assert told <= kept.generated_tokens - before.generated_tokens <= load.asked_tokens + asked
    assert 0 < kept.usd() <= lived_seconds * USD_PER_HOUR / 3600
    assert list(temporary.glob("costmeter-*")) == []
    found(
        f"{API_SERVERS} API servers are killed at {len(KILLED_AT)} stages of a start, then {LAST} serve",
        "at most the last 7 seconds of each",
        requests=load.answered + load.aborted,
        files_left_in_the_shared_folder=left_in(exchange),
        folders_left=0,
    )


def killed_at(words: str, model: Path, flags: tuple[str, ...], env: dict[str, str], log: Path) -> None:
    """A server whose processes are all killed once its log has these words."""
    command = (str(VLLM), "serve", str(model), "--enforce-eager", "--max-model-len", "1024")
    command += (*flags, "--host", "127.0.0.1", "--port", str(free_port()))
    with running(command, log, environment({**FEW_PROCESSES, **env})) as process:
        assert holds_within(
            lambda: words in log.read_text(errors="replace") or process.poll() is not None,
            ARRIVES_WITHIN_SECONDS,
        )
        assert process.poll() is None, "it ended by itself"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def generated(url: str) -> int:
    return int(scrape(url).total("costmeter_tokens_total", kind="generated"))


def left_in(exchange: Path) -> int:
    """Files of ours."""
    return len([file for file in exchange.iterdir() if "costmeter" in file.name])
