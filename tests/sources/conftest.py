"""A stand-in NVIDIA driver, compiled once, with a mood of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from nvml_stand_in import Mood, build


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the compiled stand-in."""
    return build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def mood(tmp_path: Path) -> Mood:
    """The control file of this test, at first all well."""
    return Mood(tmp_path / "control")
