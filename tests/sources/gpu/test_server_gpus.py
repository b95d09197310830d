"""The GPUs of a server that runs: as many as it has ranks here."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.gpu.device import GpuDevice
from vllm_costmeter.sources.gpu.server_gpus import gpus_of_server, rated_watts

TWO = tuple(GpuDevice(index, f"GPU-{index}", "NVIDIA H100 80GB HBM3") for index in (0, 1))


@pytest.mark.parametrize(
    ("count", "problem"),
    [
        (0, None),
        (2, None),
        (None, None),
        (4, "only 2 of this server's 4 GPUs found among the driver's 2"),
    ],
)
def test_missing_gpus_are_said(count: int | None, problem: str | None) -> None:
    """Those that are there are read all the same."""
    used = gpus_of_server(TWO, {}, count)
    assert (used.problem, used.reason) == (problem, "gpu_missing" if problem else None)
    assert len(used.gpus) == (0 if count == 0 else 2)


def test_gpus_that_may_be_on_other_machines_are_not_missed() -> None:
    """Ray places sixteen ranks over two machines of eight."""
    assert gpus_of_server(TWO, {}, 4, may_be_elsewhere=True).problem is None


def test_a_rating_is_known_by_the_drivers_name() -> None:
    """And none for a name that the catalogue has not."""
    assert rated_watts("NVIDIA GeForce RTX 4090") == 450.0
    assert rated_watts("unknown GPU") is None
