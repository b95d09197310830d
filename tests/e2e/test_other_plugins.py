"""Installed and not asked for: vLLM runs nothing of ours and is told nothing of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import client
import pytest
from harness import ROOT, Serve
from witness import install_witness, processes_that_loaded

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import environment

LISTED_BY_VLLM = "- costmeter -> "
OUR_FILES = f"{ROOT / 'vllm_costmeter'}/"


def lines_of_ours(log: str) -> list[str]:
    """What a file of ours said, or what says "costmeter" elsewhere than in a path: the folder of a checkout may be
    called that, and vLLM prints paths."""
    ours = []
    for line in log.splitlines():
        words = [word for word in line.split() if "/" not in word]
        if OUR_FILES in line or ("costmeter" in " ".join(words) and LISTED_BY_VLLM not in line):
            ours.append(line)
    return ours


@pytest.mark.parametrize(
    ("line", "is_ours"),
    [
        ("WARNING 11-28 03:03:10 [preflight.py:82] costmeter: no GPU here to check against", True),
        ("ERROR 11-28 03:03:10 [__init__.py:72] Failed to load plugin costmeter", True),
        (f'  File "{ROOT}/vllm_costmeter/plugin/general.py", line 12, in register', True),
        (
            "INFO 11-28 03:03:10 [__init__.py:54] - costmeter -> vllm_costmeter.plugin.stat_logger:Logger",
            False,
        ),
        ("/home/me/vllm-costmeter/.venv/lib/site-packages/vllm/x.py:138: FutureWarning: old", False),
        ("/home/me/vllm-costmeter test/.venv/lib/site-packages/vllm/x.py:138: FutureWarning: old", False),
    ],
)
def test_a_path_is_not_a_line_of_ours(line: str, is_ours: bool) -> None:
    """A checkout's folder may have any name; what we say and what is said of us is found all the same."""
    assert bool(lines_of_ours(line)) == is_ours


@pytest.mark.heavy
def test_with_other_plugins_named_nothing_of_ours_runs(serve: Serve, tmp_path: Path) -> None:
    """Installed but not named: no metric, no log line, no complaint, and the named plugin works."""
    witness = install_witness(tmp_path)
    named = {"VLLM_PLUGINS": "witness", "COSTMETER_GPU_HOURLY_USD": "9"}
    with serve(env={**witness, **named}) as server:
        client.complete(server.url, "hello", max_tokens=4)
        assert not any(name.startswith("costmeter_") for name in scrape(server.url).names())
        assert lines_of_ours(server.log_text()) == []
        assert processes_that_loaded(Path(witness["WITNESS_NOTES"]), "general")


STAT_LOGGERS = """
import sys
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.plugins import load_general_plugins

load_general_plugins()
AsyncEngineArgs(sys.argv[1], disable_log_stats=True).create_engine_config()
from vllm.v1.engine.async_llm import load_stat_logger_plugin_factories

print("STAT LOGGERS", [factory.__name__ for factory in load_stat_logger_plugin_factories()])
"""


@pytest.mark.heavy
def test_statistics_that_were_switched_off_stay_off(tiny_model: Path) -> None:
    """Installed and not asked for, the package gives vLLM no stat logger, with which `--disable-log-stats` would gather
    statistics all the same; asked for, it does."""
    found = {}
    for asked in ("", "costmeter"):
        done = subprocess.run(
            [sys.executable, "-c", STAT_LOGGERS, str(tiny_model)],
            env=environment({"_COSTMETER_REQUESTED_PLUGINS": asked}),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found[asked] = next(line for line in done.stdout.splitlines() if line.startswith("STAT LOGGERS"))
    assert found == {"": "STAT LOGGERS []", "costmeter": "STAT LOGGERS ['CostMeterStatLogger']"}
