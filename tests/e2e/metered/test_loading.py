"""How the plugin comes into a running vLLM, and that it leaves other plugins alone."""

from __future__ import annotations

from pathlib import Path

import client
import pytest
from witness import processes_that_loaded

from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy


def test_the_flag_leaves_other_plugins_on_in_every_process(metered: Server, witness: dict[str, str]) -> None:
    """With `--plugin costmeter` the other general plugin is loaded in the parent and in the engine's process."""
    assert metered.process.poll() is None
    assert len(processes_that_loaded(Path(witness["WITNESS_NOTES"]), "general")) >= 2


def test_the_flag_lets_no_other_endpoint_plugin_in(metered: Server, witness: dict[str, str]) -> None:
    """Endpoint plugins must be named; naming ours does not name others."""
    assert metered.process.poll() is None
    assert processes_that_loaded(Path(witness["WITNESS_NOTES"]), "endpoint") == set()


def test_nothing_to_check_against_is_said_once(metered: Server) -> None:
    """Without a GPU and without --costmeter-gpu the fit check says once that there is nothing to check against."""
    assert metered.log_text().count("so the fit check is skipped; name one with --costmeter-gpu") == 1


def test_the_log_holds_no_complaint_of_ours(metered: Server) -> None:
    """After traffic the server's log has no traceback and no failed plugin."""
    client.load(metered.url, requests=4)
    log = metered.log_text()
    assert "Traceback" not in log
    assert "Failed to load plugin" not in log


def test_our_own_endpoint_answers(metered: Server) -> None:
    """The endpoint plugin that `--plugin costmeter` lets in serves the meter's status."""
    answer = client.get(f"{metered.url}/costmeter", timeout=10)
    assert answer.status_code == 200
    assert answer.json()
