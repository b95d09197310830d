"""What `vllm serve` says of our flags, and of bad ones, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from vllm_command import vllm
from witness import install_witness

pytestmark = pytest.mark.heavy


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


def test_an_unknown_plugin_lists_the_installed_ones(tiny_model: Path, tmp_path: Path) -> None:
    """A misspelt name ends the start with one line that says what is installed."""
    refused = vllm("serve", str(tiny_model), "--plugin", "costmetr", env=install_witness(tmp_path))
    assert refused.returncode == 2
    line = next(line for line in refused.stderr.splitlines() if "costmetr" in line)
    assert "costmeter" in line
    assert "witness" in line
    assert "Traceback" not in refused.stderr


def test_unpriced_is_not_free(tiny_model: Path) -> None:
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
