"""The secret that tenants' names are hashed with."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from vllm_costmeter.sources.files.tenant_secret import FILE, kept_secret, tenant_secret


def test_it_is_made_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    """Servers that share the folder have the same; nobody else can read it."""
    folder = tmp_path / "state"
    found = tenant_secret([folder])
    assert found is not None
    assert len(found) == 32
    assert tenant_secret([folder]) == kept_secret(folder) == found
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_many_that_begin_at_once_agree(tmp_path: Path) -> None:
    """The first that is complete stays."""
    found: list[bytes | None] = []
    begun = [threading.Thread(target=lambda: found.append(tenant_secret([tmp_path]))) for _ in range(16)]
    for each in begun:
        each.start()
    for each in begun:
        each.join()
    assert len(set(found)) == 1


@pytest.mark.parametrize("content", [b"", b"short", b"zz" * 32, b"\xff" * 64, b"00" * 8])
def test_a_file_that_holds_none_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """The next folder keeps it; without one there is none."""
    damaged, other = tmp_path / "damaged", tmp_path / "other"
    damaged.mkdir()
    (damaged / FILE).write_bytes(content)
    assert tenant_secret([damaged]) is None
    assert tenant_secret([damaged, other]) == kept_secret(other)
    assert (damaged / FILE).read_bytes() == content


def test_a_folder_that_cannot_be_made_is_passed_over(tmp_path: Path) -> None:
    """Such as one below a file."""
    (tmp_path / "file").write_text("x")
    assert tenant_secret([tmp_path / "file" / "below"]) is None
