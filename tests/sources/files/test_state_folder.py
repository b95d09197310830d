"""A folder that others may reach: no link is followed, nothing is emptied, nobody else's folder is believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vllm_costmeter.sources.files.state_folder import locked_folder, opened_folder, read_in, replace_in


def test_what_is_written_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    """A missing file is empty, one that is longer than allowed is none."""
    with locked_folder(tmp_path / "made", "lock", 1.0) as folder:
        assert read_in(folder, "file", 10) == b""
        replace_in(folder, "file", b"0123456789")
        assert read_in(folder, "file", 10) == b"0123456789"
        assert read_in(folder, "file", 9) is None
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("is_symbolic", [True, False])
def test_the_target_of_a_link_in_the_locks_place_keeps_its_content(tmp_path: Path, is_symbolic: bool) -> None:
    """Somebody who may write beside the file must not empty another of ours: a symbolic link is refused, a hard one
    does no harm."""
    target, lock = tmp_path / "target", tmp_path / "lock"
    target.write_text("precious")
    if is_symbolic:
        lock.symlink_to(target)
        with pytest.raises(OSError, match="symbolic link"), locked_folder(tmp_path, "lock", 1.0):
            pass
    else:
        lock.hardlink_to(target)
        with locked_folder(tmp_path, "lock", 1.0):
            pass
    assert target.read_text() == "precious"


@pytest.mark.parametrize("name", ["file", "file.new"])
def test_the_target_of_a_link_in_the_files_place_keeps_its_content(tmp_path: Path, name: str) -> None:
    """The link is replaced, not what it points to; the same for what a killed writer may have left."""
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / name).symlink_to(target)
    with locked_folder(tmp_path, "lock", 1.0) as folder:
        replace_in(folder, "file", b"x")
        assert read_in(folder, "file", 1) == b"x"
    assert target.read_text() == "precious"
    assert not (tmp_path / "file").is_symlink()


@pytest.mark.parametrize("name", ["lock", "file"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    """In the place of the lock or of the file it is an error at once."""
    os.mkfifo(tmp_path / name)
    with (
        pytest.raises(OSError, match=f"{name} is not a regular file"),
        locked_folder(tmp_path, "lock", 1) as folder,
    ):
        read_in(folder, "file", 1)


def test_a_folder_that_anybody_may_write_in_is_not_used(tmp_path: Path) -> None:
    """Whoever may put a file there decides what a check believes."""
    tmp_path.chmod(0o777)
    with pytest.raises(OSError, match="anybody may write"), opened_folder(tmp_path):
        pass
    tmp_path.chmod(0o2775)  # a volume that Kubernetes gave a group
    with opened_folder(tmp_path) as folder:
        assert read_in(folder, "file", 1) == b""


def test_another_users_folder_is_not_used(tmp_path: Path) -> None:
    """Neither read nor written, by root neither."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(tmp_path, 4242, 4242)
    with pytest.raises(OSError, match="belongs to another user"), locked_folder(tmp_path, "lock", 1.0):
        pass
    assert list(tmp_path.iterdir()) == []
