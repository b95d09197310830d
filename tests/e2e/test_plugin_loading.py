"""How the plugin comes into a vLLM, and that it leaves other plugins alone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import client
import httpx
import pytest
from harness import Serve
from scrape import scrape
from vllm_server import VLLM, Server, environment
from witness import install_witness, processes_that_loaded

pytestmark = pytest.mark.heavy


def vllm(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `vllm ...` to its end; it must have one, on a busy machine too."""
    return subprocess.run(
        [VLLM, *arguments], env=environment(env), capture_output=True, text=True, timeout=240, check=False
    )


@pytest.fixture(scope="module")
def others_only(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server whose VLLM_PLUGINS names the other plugin and not ours, and that plugin's notes."""
    witness = install_witness(tmp_path_factory.mktemp("others"))
    named = {"VLLM_PLUGINS": "witness", "COSTMETER_GPU_HOURLY_USD": "9"}
    with serve(env={**witness, **named}) as server:
        yield server, Path(witness["WITNESS_NOTES"])


def test_help_shows_the_flags() -> None:
    """`vllm serve --help=CostMeter` lists the flags under their group."""
    shown = vllm("serve", "--help=CostMeter")
    assert shown.returncode == 0, shown.stderr
    for flag in (
        "--plugin",
        "--gpu-hourly-usd",
        "--costmeter-gpu",
        "--costmeter-preflight",
        "--costmeter-config",
    ):
        assert flag in shown.stdout


def test_an_unknown_plugin_lists_the_installed_ones(tiny_model: Path, witness: dict[str, str]) -> None:
    """A misspelt name ends the start with one line that says what is installed."""
    refused = vllm("serve", str(tiny_model), "--plugin", "costmetr", env=witness)
    assert refused.returncode == 2
    line = next(line for line in refused.stderr.splitlines() if "costmetr" in line)
    assert "costmeter" in line
    assert "witness" in line
    assert "Traceback" not in refused.stderr


def test_the_flag_leaves_other_plugins_on_in_every_process(metered: Server, witness: dict[str, str]) -> None:
    """With `--plugin costmeter` the other general plugin is loaded in the parent and in the engine's process."""
    assert metered.process.poll() is None
    assert len(processes_that_loaded(Path(witness["WITNESS_NOTES"]), "general")) >= 2


def test_the_flag_lets_no_other_endpoint_plugin_in(metered: Server, witness: dict[str, str]) -> None:
    """Endpoint plugins must be named; naming ours does not name others."""
    assert metered.process.poll() is None
    assert processes_that_loaded(Path(witness["WITNESS_NOTES"]), "endpoint") == set()


def test_with_other_plugins_named_nothing_of_ours_runs(others_only: tuple[Server, Path]) -> None:
    """Installed but not named: no metric, no log line, no complaint, and the named plugin works."""
    server, notes = others_only
    client.complete(server.url, "hello", max_tokens=4)
    assert not any(name.startswith("costmeter_") for name in scrape(server.url).names())
    listed_by_vllm = "- costmeter -> "
    ours = [
        line for line in server.log_text().splitlines() if "costmeter" in line and listed_by_vllm not in line
    ]
    assert ours == []
    assert processes_that_loaded(notes, "general")


def test_nothing_to_check_against_is_said_once(metered: Server) -> None:
    """Without a GPU and without --costmeter-gpu the fit check says once that there is nothing to check against."""
    assert metered.log_text().count("no GPU here to check against") == 1


def test_the_log_holds_no_complaint_of_ours(metered: Server) -> None:
    """After traffic the server's log has no traceback and no failed plugin."""
    client.load(metered.url, requests=4)
    log = metered.log_text()
    assert "Traceback" not in log
    assert "Failed to load plugin" not in log


def test_unpriced_is_not_free(serve: Serve, tiny_model: Path) -> None:
    """A price that is left out after its flag is one clear line, not a server at a price of nothing."""
    refused = vllm("serve", str(tiny_model), "--plugin", "costmeter", "--gpu-hourly-usd")
    assert refused.returncode == 2
    assert "--gpu-hourly-usd" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("price", ["-1", "nan", "abc"])
def test_a_bad_price_stops_the_start(tiny_model: Path, price: str) -> None:
    """A price that is negative or not a number ends the start with one line that names the flag and the value."""
    refused = vllm("serve", str(tiny_model), "--plugin", "costmeter", f"--gpu-hourly-usd={price}")
    assert refused.returncode == 2
    assert any("--gpu-hourly-usd" in line and price in line for line in refused.stderr.splitlines())
    assert "Traceback" not in refused.stderr


def test_an_unknown_key_in_the_settings_file_stops_the_start(tiny_model: Path, tmp_path: Path) -> None:
    """A misspelt key names its nearest valid one, before anything is loaded."""
    settings = tmp_path / "costmeter.toml"
    settings.write_text("gpu_hourly_us = 0.55\n")
    refused = vllm("serve", str(tiny_model), "--plugin", "costmeter", "--costmeter-config", str(settings))
    said = refused.stdout + refused.stderr
    assert refused.returncode == 2
    assert "gpu_hourly_us" in said
    assert "gpu_hourly_usd" in said
    assert "Traceback" not in said
    assert "EngineCore" not in said


def test_our_own_endpoint_answers(metered: Server) -> None:
    """The endpoint plugin that `--plugin costmeter` lets in serves the meter's status."""
    answer = httpx.get(f"{metered.url}/costmeter", timeout=10)
    assert answer.status_code == 200
    assert answer.json()
