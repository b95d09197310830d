"""The file of recorded starts: kept, bounded, shared by processes, and never in the way."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import vllm_costmeter
from vllm_costmeter.core.calibration.server_start import ServerStart, ServerStartKey
from vllm_costmeter.sources.files.calibration import BOOTS_PER_DEPLOYMENT, calibration_file, recall, remember

BOOT = ServerStart(
    ServerStartKey("0.32.0", "RTX 4090", "LlamaForCausalLM", 1), "{}", 100, 90, "2026-11-22", 80
)


def test_what_is_remembered_is_recalled(tmp_path: Path) -> None:
    """By GPU, in order, and nothing of another GPU."""
    file = tmp_path / "state" / "calibration.json"
    later = replace(BOOT, used_bytes=91)
    other = replace(BOOT, key=replace(BOOT.key, gpu="L4"))
    for boot in (BOOT, other, later):
        assert remember(boot, file) is None
    assert recall("RTX 4090", file) == ((BOOT, later), None)
    assert recall("T4", file) == ((), None)


def test_the_drivers_name_and_the_catalogues_are_one_gpu(tmp_path: Path) -> None:
    """A server records what NVML says; a laptop asks for the catalogue's GPU."""
    file = tmp_path / "calibration.json"
    remember(replace(BOOT, key=replace(BOOT.key, gpu="NVIDIA GeForce RTX 4090")), file)
    assert recall("RTX 4090", file) == ((BOOT,), None)


def test_a_cpus_starts_are_kept_apart(tmp_path: Path) -> None:
    """vLLM's CPU build, checked against a GPU for want of one, teaches nothing about that GPU."""
    file = tmp_path / "calibration.json"
    remember(BOOT, file, on_cpu=True)
    assert recall("RTX 4090", file) == ((), None)
    assert recall("RTX 4090", file, on_cpu=True) == ((BOOT,), None)


def test_what_an_earlier_version_recorded_is_recalled(tmp_path: Path) -> None:
    """Its starts also have token counts, which nothing reads."""
    file = tmp_path / "calibration.json"
    remember(BOOT, file)
    content = json.loads(file.read_text())
    content["boots"][0] |= {"kv_cache_tokens": 1001, "predicted_kv_cache_tokens": 1000}
    file.write_text(json.dumps(content))
    assert recall("RTX 4090", file) == ((BOOT,), None)


def test_only_the_last_starts_are_kept(tmp_path: Path) -> None:
    """Old starts of one deployment make room; those of another stay."""
    file = tmp_path / "calibration.json"
    remember(replace(BOOT, flags="other"), file)
    for used in range(20):
        remember(replace(BOOT, used_bytes=used), file)
    boots, _ = recall("RTX 4090", file)
    assert [boot.used_bytes for boot in boots if boot.flags == "{}"] == list(
        range(20 - BOOTS_PER_DEPLOYMENT, 20)
    )
    assert len(boots) == BOOTS_PER_DEPLOYMENT + 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"schema": "other"}',
        '{"schema": "costmeter.calibration/1", "boots": [{}]}',
        "[" * 99_999,
    ],
)
def test_a_corrupt_file_is_one_line_and_then_replaced(tmp_path: Path, text: str) -> None:
    """A check goes on without it; the next start writes a whole one."""
    file = tmp_path / "calibration.json"
    file.write_text(text)
    boots, fault = recall("RTX 4090", file)
    assert boots == ()
    assert fault is not None
    assert "\n" not in fault
    assert remember(BOOT, file) is None
    assert recall("RTX 4090", file) == ((BOOT,), None)


def test_a_folder_without_the_file_has_no_starts(tmp_path: Path) -> None:
    """Another file of ours made the folder: nothing is recorded, and nothing is wrong."""
    (tmp_path / "ledger.sqlite3").write_text("another file")
    assert recall("RTX 4090", tmp_path / "calibration.json") == ((), None)


def test_values_of_a_wrong_type_are_not_used(tmp_path: Path) -> None:
    """A string for bytes would fail deep inside the arithmetic."""
    file = tmp_path / "calibration.json"
    remember(BOOT, file)
    found = json.loads(file.read_text())
    found["boots"][0]["used_bytes"] = "90"
    file.write_text(json.dumps(found))
    assert recall("RTX 4090", file)[0] == ()


def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A read-only container still serves."""
    (tmp_path / "file").write_text("")
    fault = remember(BOOT, tmp_path / "file" / "calibration.json")
    assert fault is not None
    assert "calibration could not be saved" in fault


def _remember_many(file: Path, gpu: str) -> None:
    for used in range(20):
        boot = replace(BOOT, key=replace(BOOT.key, gpu=gpu), used_bytes=used)
        assert remember(boot, file, patience_seconds=300) is None


def _remember_once(file: Path) -> None:
    assert remember(BOOT, file, patience_seconds=30) is None


def test_starts_that_measured_the_same_are_several_starts(tmp_path: Path) -> None:
    """Twelve servers of one deployment that start at once leave as many rows as are kept, not the two last."""
    file = tmp_path / "calibration.json"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_remember_once, args=(file,)) for _ in range(12)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 12
    assert recall("RTX 4090", file) == ((BOOT,) * BOOTS_PER_DEPLOYMENT, None)


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    """Servers that start at once write after each other."""
    file = tmp_path / "calibration.json"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_remember_many, args=(file, gpu)) for gpu in ("L4", "T4")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    for gpu in ("L4", "T4"):
        assert [boot.used_bytes for boot in recall(gpu, file)[0]] == [15, 16, 17, 18, 19]


def test_the_file_is_in_the_state_folder() -> None:
    """XDG's, or the home's."""
    assert calibration_file({"XDG_STATE_HOME": "/s"}) == Path("/s/vllm-costmeter/calibration.json")
    assert calibration_file({"HOME": "/h"}) == Path("/h/.local/state/vllm-costmeter/calibration.json")


def test_a_user_without_a_home_has_no_calibration() -> None:
    """A container's numbered user has neither $HOME nor an entry: a check must not fail of it."""
    program = (
        "import os; os.setgid(4242); os.setuid(4242); [os.environ.pop(name, 0) for name in ('HOME', 'XDG_STATE_HOME')];"
        "from vllm_costmeter.sources.files.calibration import calibration_file; print(calibration_file())"
    )
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    import_path = str(Path(vllm_costmeter.__file__).parents[1])
    module = "vllm_costmeter.sources.files.calibration"
    preloaded = f"import sys; sys.path.insert(0, {import_path!r}); import {module}; {program}"
    done = subprocess.run([sys.executable, "-c", preloaded], capture_output=True, text=True, check=False)
    assert done.stdout == "/.local/state/vllm-costmeter/calibration.json\n", done.stderr


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    """Said in one line, and not used."""
    pipe = tmp_path / "calibration.json"
    os.mkfifo(pipe)
    boots, fault = recall("RTX 4090", pipe)
    assert boots == ()
    assert fault is not None
    assert "not a regular file" in fault


def test_a_lock_that_is_never_released_is_given_up(tmp_path: Path) -> None:
    """A stopped process may hold it: the start is not kept, and the server does not wait for it."""
    file = tmp_path / "calibration.json"
    with file.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        fault = remember(BOOT, file, patience_seconds=0.2)
    assert fault is not None
    assert "is locked" in fault
    assert not file.exists()


def test_a_file_that_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    """A fault of the disk, or a folder in its place: what was recorded there may come back."""
    file = tmp_path / "calibration.json"
    file.mkdir()
    fault = remember(BOOT, file)
    assert fault is not None
    assert "is not a regular file" in fault
    assert file.is_dir()


def _remember_on_a_full_disk(file: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    fault = remember(replace(BOOT, used_bytes=91), file)
    assert fault is not None
    assert "File too large" in fault


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """The new start is not kept, which is said; the file is as it was and nothing half written lies beside it."""
    file = tmp_path / "calibration.json"
    remember(BOOT, file)
    writer = multiprocessing.get_context("fork").Process(target=_remember_on_a_full_disk, args=(file,))
    writer.start()
    writer.join()
    assert writer.exitcode == 0
    assert recall("RTX 4090", file) == ((BOOT,), None)
    assert {each.name for each in tmp_path.iterdir()} == {"calibration.json", "calibration.lock"}
