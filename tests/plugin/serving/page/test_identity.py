"""What all API processes of one server share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from vllm_costmeter.plugin.activation import BOOT_FOLDER
from vllm_costmeter.plugin.serving.page.identity import identity


def test_processes_of_one_server_have_one_identity(tmp_path: Path) -> None:
    """Whoever asks first decides, and nothing but its file stays in the folder."""
    environ = {BOOT_FOLDER: str(tmp_path)}
    first = identity(environ)
    assert identity(environ) == first
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_processes_that_ask_at_once_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None has found an identity before all of them are about to write one."""
    about_to_write = Barrier(4, timeout=30)
    link, linked = Path.hardlink_to, []

    def held_up(path: Path, target: Path) -> None:
        linked.append(about_to_write.wait())
        link(path, target)

    monkeypatch.setattr(Path, "hardlink_to", held_up)
    with ThreadPoolExecutor(4) as several:
        found = set(several.map(lambda _: identity({BOOT_FOLDER: str(tmp_path)}), range(4)))
    assert len(linked) == 4, "the race was run"
    assert len(found) == 1
    assert (tmp_path / "page").read_text() == "{} {!r}".format(*found.pop())
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_two_servers_have_two(tmp_path: Path) -> None:
    """And a server without a folder, or with one that is gone, has its own."""
    environs = [{BOOT_FOLDER: str(tmp_path)}, {}, {BOOT_FOLDER: str(tmp_path / "gone")}, {BOOT_FOLDER: ""}]
    assert len({identity(environ)[0] for environ in environs}) == 4
    (tmp_path / "page").write_text("not ours")
    assert identity(environs[0])[1] > 0
