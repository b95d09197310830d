"""Folders of ours in the temporary directory: each goes with its process, also with a killed one, and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import vllm_costmeter
from vllm_costmeter.plugin.activation import BOOT_FOLDER
from vllm_costmeter.plugin.starting.boot_folder import CHECKED_FILE, open_folder, write_file
from vllm_costmeter.plugin.starting.own_folder import ALIVE_FILE, sweep

SERVER = (
    "import os, signal; from vllm_costmeter.plugin.starting.boot_folder import CHECKED_FILE, open_folder, write_file;"
    "folder = open_folder(); write_file(folder / CHECKED_FILE, b'x'); write_file(folder / '7.json', b'x');"
)


def server(parent: Path, end: str) -> int:
    """A process that opens its folder in `parent` and comes to its end; the status."""
    import_path = str(Path(vllm_costmeter.__file__).parents[1])
    kept = {name: value for name, value in os.environ.items() if name != BOOT_FOLDER}
    return subprocess.run(
        [sys.executable, "-c", SERVER + end],
        env={**kept, "TMPDIR": str(parent), "PYTHONPATH": import_path},
        check=False,
    ).returncode


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this process, alive."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return open_folder({})


def test_it_goes_with_the_server(tmp_path: Path) -> None:
    """At a server's own end nothing is left, and a child that was forked does not take it away."""
    assert (
        server(
            tmp_path, "child = os.fork();\nif not child: raise SystemExit\nos.wait(); assert folder.is_dir()"
        )
        == 0
    )
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_server_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """Nothing is left of it once another server of the same user starts."""
    assert server(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)") == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert {file.name for file in left.iterdir()} == {ALIVE_FILE, CHECKED_FILE, "7.json"}
    assert server(tmp_path, "") == 0
    assert list(tmp_path.iterdir()) == []


def test_a_living_server_keeps_its_folder(opened: Path, tmp_path: Path) -> None:
    """However many others start and end beside it; whoever forked from it holds it too."""
    assert server(tmp_path, "") == 0
    assert opened.is_dir()
    dies = "child = os.fork();\nif child: os.kill(os.getpid(), signal.SIGKILL)\n"
    lives = "import sys; print(flush=True); sys.stdin.read()"
    import_path = str(Path(vllm_costmeter.__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", SERVER + dies + lives],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": import_path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as orphan:
        assert orphan.stdout is not None
        orphan.stdout.readline()
        (held_by_the_child,) = set(tmp_path.iterdir()) - {opened}
        sweep(tmp_path)
        assert held_by_the_child.is_dir()
        assert orphan.stdin is not None
        orphan.stdin.close()
        orphan.stdout.read()


def test_nothing_but_our_own_is_removed(opened: Path, tmp_path: Path) -> None:
    """Another name, a link, a folder without our lock, with a link in its place, or of another user."""
    kept = {opened}
    for name in ("costmeter-report", "costmeter-12345678x", "xcostmeter-12345678", "costmeter-nolock00"):
        (tmp_path / name).mkdir()
        kept.add(tmp_path / name)
        if "nolock" not in name:
            (tmp_path / name / ALIVE_FILE).touch()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ALIVE_FILE).touch()
    (tmp_path / "costmeter-alink000").symlink_to(elsewhere)
    (tmp_path / "costmeter-lockalnk").mkdir()
    (tmp_path / "costmeter-lockalnk" / ALIVE_FILE).symlink_to(elsewhere / ALIVE_FILE)
    kept |= {elsewhere, tmp_path / "costmeter-alink000", tmp_path / "costmeter-lockalnk"}
    if os.geteuid() == 0:
        others = tmp_path / "costmeter-another0"
        others.mkdir()
        (others / ALIVE_FILE).touch()
        os.chown(others, 4242, 4242)
        kept.add(others)
    (tmp_path / "costmeter-ourdead0").mkdir()
    (tmp_path / "costmeter-ourdead0" / ALIVE_FILE).touch()
    (tmp_path / "costmeter-ourdead0" / "link").symlink_to(elsewhere)
    sweep(tmp_path)
    assert set(tmp_path.iterdir()) == kept
    assert (elsewhere / ALIVE_FILE).exists()


def _open_and_look(parent: Path) -> None:
    tempfile.tempdir = str(parent)
    for _ in range(30):
        write_file(open_folder({}) / CHECKED_FILE, b"x")  # OSError where somebody swept it away
    os._exit(0)


def test_servers_that_start_at_once_leave_each_other_alone(tmp_path: Path) -> None:
    """A folder is locked from the first moment that another start can find it."""
    context = multiprocessing.get_context("fork")
    starts = [context.Process(target=_open_and_look, args=(tmp_path,)) for _ in range(4)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert [start.exitcode for start in starts] == [0] * 4
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["close", "kill"])
def test_what_a_killed_worker_of_exact_mode_wrote_is_removed(tmp_path: Path, end: str) -> None:
    """vLLM's own temporary files too: by whoever asked it, or by the next of us where that one was killed as well."""
    asks = (
        "import os, signal, sys; from vllm_costmeter.plugin.exact.ask import VllmWorker\n"
        "program = 'import os, tempfile, time; tempfile.mkstemp(); os.write(1, b\"x\"); time.sleep(600)'\n"
        "worker = VllmWorker(worker=(sys.executable, '-c', program))\n"
        "os.read(worker._process.stdout.fileno(), 1)\n"
    )
    ends = {"close": "worker.close()", "kill": "os.killpg(worker._process.pid, 9); os.kill(os.getpid(), 9)"}
    import_path = str(Path(vllm_costmeter.__file__).parents[1])
    subprocess.run(
        [sys.executable, "-c", asks + ends[end]],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": import_path},
        check=False,
    )
    if end == "kill":
        (left,) = tmp_path.iterdir()
        assert len(list(left.iterdir())) == 2
        sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_completed_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OSError, and nothing in the temporary directory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(
        Path, "rename", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    environ: dict[str, str] = {}
    with pytest.raises(OSError, match="No space left"):
        open_folder(environ)
    assert (list(tmp_path.iterdir()), environ) == ([], {})
