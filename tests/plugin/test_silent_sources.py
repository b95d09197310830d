"""A driver or a file that does not answer when the meter is put together costs what it would have told and no more."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest
from example_models import llama
from plugin.hooked_server import HookedServer, OneThread

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.gpu.reading import GpuReadings
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.plugin.activation import BOOT_FOLDER
from vllm_costmeter.plugin.starting.boot_folder import CHECKED_FILE
from vllm_costmeter.plugin.starting.server_settings import CATALOGUE_VARIABLE

H100 = GpuGroup("NVIDIA H100 80GB HBM3", 85_000_000_000, source="nvml", compute_capability=(9, 0))


class SilentGpu:
    """A GPU whose driver has not answered yet."""

    def latest(self) -> GpuReadings:
        return GpuReadings(up=False, error="the driver was not read yet")


@pytest.fixture
def server(logger_class: type, model: Path) -> HookedServer:
    """One API server process with a driver at hand."""
    return HookedServer(logger_class, model, None)


def page(server: HookedServer, thread: OneThread) -> dict[str, float]:
    """What a scrape shows at the end of the server's life."""
    server.run(thread)
    server.clean_up()
    assert (server.escaped, server.ended) == ([], True)
    return server.after


def test_the_gpu_that_the_check_saw_is_the_gpu(
    server: HookedServer, thread: OneThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that answered before the start and hangs since: the catalogue's price for its GPU runs."""
    serving = sys.modules["vllm_costmeter.plugin.serving.meter"]
    monkeypatch.setattr(serving, "server_gpus", lambda count, **given: SilentGpu())
    served_gpu = sys.modules["vllm_costmeter.plugin.serving.served_gpu"]
    monkeypatch.setattr(served_gpu, "LONGEST_WAIT_FOR_DRIVER_SECONDS", 0.1)
    checked = fit(llama(), H100, EngineArgs(max_model_len=8192), NEWEST)
    (tmp_path / CHECKED_FILE).write_bytes(pickle.dumps(checked))
    monkeypatch.setenv(BOOT_FOLDER, str(tmp_path))
    monkeypatch.delenv("COSTMETER_GPU_HOURLY_USD")
    shown = page(server, thread)
    assert shown["costmeter_cost_usd_total"] > 0
    assert shown["costmeter_tokens_totalgenerated"] == 19


def test_a_catalogue_that_is_gone_costs_only_what_it_tells(
    server: HookedServer, thread: OneThread, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The price that the operator gave runs, and so do the tokens."""
    monkeypatch.setenv(CATALOGUE_VARIABLE, str(tmp_path / "gone.toml"))
    shown = page(server, thread)
    assert shown["costmeter_cost_usd_total"] > 0
    assert shown["costmeter_tokens_totalgenerated"] == 19
