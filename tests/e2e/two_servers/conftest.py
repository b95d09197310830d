"""A server that sees a GPU, one that sees none, and a Prometheus that scrapes both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nvml_stand_in
import pytest
from harness import METERED, RULE_FILES, USD_PER_HOUR, Serve
from nvml_stand_in import Mood
from prometheus_server import PrometheusServer, prometheus_scraping
from required_tool import required_tool
from server_slots import ServerSlots

from scripts.servers.vllm_server import Server

COMPARED = ("--costmeter-api-provider", "deepinfra", "--costmeter-api-model", "Llama 3.1 8B Instruct")
TENANTS = ("--costmeter-tenant-from", "user")
SWITCHED_ON = {"VLLM_PLUGINS": "costmeter", "COSTMETER_GPU_HOURLY_USD": str(USD_PER_HOUR)}


@pytest.fixture(scope="package")
def both_slots(slots: ServerSlots) -> Iterator[None]:
    """The places of both servers."""
    with slots.both():
        yield


@pytest.fixture(scope="package")
def on_a_gpu(
    both_slots: None, serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Mood]]:
    """A server that sees the second of two NVIDIA GPUs through a stand-in driver, and that driver's mood; its tokens
    are compared with an API's, and its requests, which name no user, are charged to the tenant `untagged`."""
    required_tool("gcc")
    folder = tmp_path_factory.mktemp("driver")
    mood = Mood(folder / "mood")
    mood.set(gpus=2, live_energy=1)
    library = nvml_stand_in.build(folder)
    env = {
        "LD_LIBRARY_PATH": str(library),
        nvml_stand_in.CONTROL_VARIABLE: str(mood.file),
        "CUDA_VISIBLE_DEVICES": "1",
    }
    with serve(*METERED, *COMPARED, *TENANTS, env=env) as server:
        yield server, mood


@pytest.fixture(scope="package")
def without_log_stats(both_slots: None, serve: Serve) -> Iterator[Server]:
    """A server without a GPU, switched on by the environment alone, with vLLM's own statistics switched off."""
    with serve("--disable-log-stats", env=SWITCHED_ON) as server:
        yield server


@pytest.fixture(scope="package")
def prometheus(
    on_a_gpu: tuple[Server, Mood], without_log_stats: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    """A Prometheus with our rules that scrapes both every second."""
    program = Path(required_tool("prometheus"))
    urls = (without_log_stats.url, on_a_gpu[0].url)
    with prometheus_scraping(urls, program, tmp_path_factory.mktemp("prometheus"), RULE_FILES) as server:
        yield server
