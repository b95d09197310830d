"""What all API processes of one server share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vllm_costmeter.plugin.activation import BOOT_FOLDER
from vllm_costmeter.plugin.serving.page.identity import identity


def test_processes_of_one_server_have_one_identity(tmp_path: Path) -> None:
    """Whoever asks first decides, and nothing but its file stays in the folder."""
    environ = {BOOT_FOLDER: str(tmp_path)}
    first = identity(environ)
    assert identity(environ) == first
    assert [path.name for path in tmp_path.iterdir()] == ["page"]
    with ThreadPoolExecutor(4) as several:
        assert set(several.map(lambda _: identity(environ), range(20))) == {first}


def test_two_servers_have_two(tmp_path: Path) -> None:
    """And a server without a folder, or with one that is gone, has its own."""
    environs = [{BOOT_FOLDER: str(tmp_path)}, {}, {BOOT_FOLDER: str(tmp_path / "gone")}, {BOOT_FOLDER: ""}]
    assert len({identity(environ)[0] for environ in environs}) == 4
    (tmp_path / "page").write_text("not ours")
    assert identity(environs[0])[1] > 0
