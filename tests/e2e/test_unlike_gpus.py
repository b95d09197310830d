"""A real server on a machine of unlike GPUs, with nothing that says which of them is its own."""

from __future__ import annotations

import time
from pathlib import Path

import nvml_stand_in
import pytest
from harness import METERED, Serve
from nvml_stand_in import Mood
from patience import holds_within
from required_tool import required_tool

from scripts.servers.scrape import scrape

pytestmark = pytest.mark.heavy


def test_which_of_unlike_gpus_is_the_servers_own_is_not_guessed_and_said(
    serve: Serve, tmp_path: Path
) -> None:
    """An RTX 4090 and an L4 without CUDA_DEVICE_ORDER: the fit check and the meter refuse to guess for one reason, in
    the log once each, and on the page; tokens and dollars are metered."""
    required_tool("gcc")
    library, mood = nvml_stand_in.build(tmp_path), Mood(tmp_path / "mood")
    mood.set(gpus=2, name1="NVIDIA L4", total1_mib=23034)
    env = {"LD_LIBRARY_PATH": str(library), nvml_stand_in.CONTROL_VARIABLE: str(mood.file)}
    with serve(*METERED, env=env) as server:
        assert holds_within(
            lambda: scrape(server.url).has(
                "costmeter_source_down_info", source="nvml", reason="gpu_order_unknown"
            )
        )
        page = scrape(server.url)
        assert page.value("costmeter_source_up", source="nvml") == 0
        assert not page.has("costmeter_gpu_power_watts")
        assert page.total("costmeter_cost_usd_total") > 0
        time.sleep(3)
        said = [
            line
            for line in server.log_text().splitlines()
            if "different GPU models (NVIDIA GeForce RTX 4090, " in line
        ]
        assert len(said) == 2, said
        assert "the fit check is skipped" in said[0]
        assert "no GPU of this server can be read" in said[1]
        assert all("CUDA_DEVICE_ORDER=PCI_BUS_ID" in line for line in said)
