"""Where a server's ledger is, and where none can be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.files.ledger_path import check_ledger, default_ledger, unwritable


def test_the_default_is_the_users_state_folder() -> None:
    """XDG's, or below the home."""
    assert default_ledger({"XDG_STATE_HOME": "/s"}) == Path("/s/vllm-costmeter/ledger.sqlite3")
    home = default_ledger({"HOME": "/h"})
    assert home == Path("/h/.local/state/vllm-costmeter/ledger.sqlite3")


def test_a_path_that_can_be_is_accepted_and_nothing_is_made(tmp_path: Path) -> None:
    """In a folder that does not exist yet, an existing file, off, and the default, which is not checked."""
    existing = tmp_path / "ledger.sqlite3"
    existing.touch()
    for given in (None, "off", str(existing), str(tmp_path / "new" / "deep" / "ledger.sqlite3")):
        check_ledger(given)
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.sqlite3"]


def test_a_path_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    """A folder, something below a file, a device."""
    (tmp_path / "file").touch()
    for given, said in (
        (str(tmp_path), "is a folder: name a file in it"),
        (str(tmp_path / "file" / "ledger"), "is not a folder"),
        (os.devnull, "is not a regular file"),
    ):
        with pytest.raises(BadInputError, match=said):
            check_ledger(given)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_said(tmp_path: Path) -> None:
    """Before a server starts."""
    tmp_path.chmod(0o500)
    assert unwritable(tmp_path / "ledger") == f"{tmp_path} is read-only"
