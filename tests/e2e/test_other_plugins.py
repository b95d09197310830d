"""Installed and not named: a vLLM whose VLLM_PLUGINS names another plugin runs nothing of ours."""

from __future__ import annotations

from pathlib import Path

import client
import pytest
from harness import ROOT, Serve
from scrape import scrape
from witness import install_witness, processes_that_loaded

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
