"""A stand-in NVIDIA driver, compiled once, with a mood of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from driver_probe import Probe
from nvml_stand_in import Mood, build


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the compiled stand-in."""
    return build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def mood(tmp_path: Path) -> Mood:
    """The control file of this test, at first all well."""
    return Mood(tmp_path / "control")


@pytest.fixture
def probe(library: Path, mood: Mood) -> Iterator[Callable[..., Probe]]:
    """Starts probes and ends them with the test, hung or not."""
    started: list[Probe] = []

    def start(count: int = 0, device_ids: list[int] | None = None, **variables: str) -> Probe:
        started.append(Probe(library, mood, count, device_ids, **variables))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()
