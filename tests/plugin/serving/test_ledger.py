"""The ledger of a running server: where it is kept, and what is said where it is not."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.core.pricing.price import rental_price
from vllm_costmeter.core.settings.table import Settings

pytest.importorskip("vllm")

from vllm_costmeter.plugin.serving.ledger import opened_ledger
from vllm_costmeter.sources.vllm.config import ServerShape

SHAPE = ServerShape("m", (0, 1), 2, 4, None, False, 0, 1, 1000)
PRICE = rental_price(usd_per_gpu_hour=2.0, gpus=4, source="flag")


def test_it_is_kept_at_the_chosen_path_under_the_servers_name(tmp_path: Path) -> None:
    """With the GPUs that the driver names, their number over all engines, and the price."""
    reading = GpuReadings(True, (GpuReading("0", 0, "GPU-1", "H100"),), 1.0)
    keeper = opened_ledger(Settings(ledger=str(tmp_path / "l")), SHAPE, PRICE, reading)
    assert keeper is not None
    keeper.stop()
    series = keeper.series
    assert (series.model_name, series.gpu_name, series.gpus, series.usd_per_hour) == ("m", "H100", 4, 8.0)
    assert (series.basis, series.price_source) == ("rental", "flag")


def test_a_home_that_cannot_be_written_keeps_none_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As in many containers: the server starts, and one line names the flag."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with caplog.at_level(logging.INFO, "vllm.costmeter"):
        assert opened_ledger(Settings(), SHAPE, None, GpuReadings(False)) is None
        assert opened_ledger(Settings(ledger="off"), SHAPE, None, GpuReadings(False)) is None
    (line,) = [record.getMessage() for record in caplog.records]
    assert "no ledger is kept" in line
    assert "--costmeter-ledger PATH" in line
