"""A small checkpoint for the commands that read one."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkpoint_files import write_checkpoint


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A checkpoint of 0.7 GiB."""
    write_checkpoint(tmp_path / "model")
    return tmp_path / "model"
