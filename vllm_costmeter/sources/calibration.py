"""The file in which servers leave what their starts measured, and checks find it.

`remember` appends under a lock and replaces the file in one step; a file that cannot be read, or is not ours, is as
good as none and is said in one line.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vllm_costmeter.core.boot import Boot, BootKey
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.catalogue import card_for_nvml_name, find_gpu
from vllm_costmeter.sources.home import home

SCHEMA = "costmeter.calibration/1"
BOOTS_PER_DEPLOYMENT = 5
"""Of one key and flags: older starts are forgotten."""
MOST_BOOTS = 500
LARGEST_BYTES = 4 << 20

_CPU = "cpu, checked as "


def calibration_file(environ: Mapping[str, str] = os.environ) -> Path:
    """$XDG_STATE_HOME/vllm-costmeter/calibration.json, ~/.local/state where that is not set."""
    root = environ.get("XDG_STATE_HOME")
    folder = Path(root) if root else home(environ) / ".local" / "state"
    return folder / "vllm-costmeter" / "calibration.json"


def recall(
    gpu: str, file: Path | None = None, *, on_cpu: bool = False
) -> tuple[tuple[Boot, ...], str | None]:
    """Recorded boots on a card under any of its names, the oldest first, and one line where the file could not be
    read. The driver's name and the catalogue's are one card; the boots bear the name that was asked for.

    `on_cpu`: boots of vLLM's CPU build that was checked against that card. They are kept apart: a CPU's pool says
    nothing of a card.
    """
    found, fault = _read(calibration_file() if file is None else file)
    boots = [
        _named(boot, boot.key.gpu.removeprefix(_CPU))
        for boot in found
        if boot.key.gpu.startswith(_CPU) == on_cpu
    ]
    names = {boot.key.gpu for boot in boots}
    same = {name for name in names if name == gpu or _card_name(name) == _card_name(gpu)}
    return tuple(_named(boot, gpu) for boot in boots if boot.key.gpu in same), fault


def remember(
    boot: Boot, file: Path | None = None, *, on_cpu: bool = False, patience_seconds: float = 2.0
) -> str | None:
    """Add a boot; one line where it could not be kept (a read-only home, a full disk, a lock that somebody holds for
    longer than `patience_seconds`), else None. `on_cpu` as in `recall`."""
    file = calibration_file() if file is None else file
    if on_cpu:
        boot = _named(boot, _CPU + boot.key.gpu)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(file, patience_seconds):
            boots, _ = _read(file)
            alike = [each for each in boots if (each.key, each.flags) == (boot.key, boot.flags)]
            forgotten = alike[: max(len(alike) - BOOTS_PER_DEPLOYMENT + 1, 0)]
            kept = [each for each in boots if each not in forgotten][-MOST_BOOTS + 1 :]
            _replace(file, {"schema": SCHEMA, "boots": [asdict(each) for each in (*kept, boot)]})
    except OSError as error:
        return f"calibration is not kept in {file}: {error.strerror or error}"
    return None


def _named(boot: Boot, gpu: str) -> Boot:
    return replace(boot, key=replace(boot.key, gpu=gpu))


def _card_name(name: str) -> str:
    """The catalogue's name of a card; the name itself where the catalogue has no such card."""
    card = card_for_nvml_name(name)
    if card is not None:
        return card.name
    try:
        return find_gpu(name).name
    except BadInputError:
        return name


@contextmanager
def _locked(file: Path, patience_seconds: float) -> Iterator[None]:
    """One writer at a time, among processes too. OSError where another one does not let go."""
    deadline = time.monotonic() + patience_seconds
    with file.with_suffix(".lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise OSError(errno.EBUSY, "it is locked by another process") from None
                time.sleep(0.02)
            else:
                break
        yield


def _replace(file: Path, values: Mapping[str, Any]) -> None:
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as stream:
        written = Path(stream.name)
        try:
            json.dump(values, stream, indent=1)
            stream.flush()
        except OSError:
            written.unlink()
            raise
    written.replace(file)


def _read(file: Path) -> tuple[list[Boot], str | None]:
    try:
        if file.exists() and not file.is_file():
            return [], f"calibration file {file} is no regular file and is not used"
        with file.open("rb") as stream:
            data = stream.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        return [], None
    except OSError as error:
        return [], f"calibration file {file} cannot be read: {error.strerror or error}"
    try:
        if len(data) > LARGEST_BYTES:
            raise ValueError
        found = json.loads(data)
        if found["schema"] != SCHEMA:
            raise ValueError
        return [_boot(values) for values in found["boots"]], None
    except (ValueError, TypeError, KeyError, RecursionError):
        return (
            [],
            f"calibration file {file} is not one of ours and is not used; the next server start replaces it",
        )


def _boot(values: Mapping[str, Any]) -> Boot:
    """ValueError, TypeError or KeyError for what no server wrote."""
    boot = Boot(**{**values, "key": BootKey(**values["key"])})
    numbers = (boot.predicted_used_bytes, boot.used_bytes, boot.key.tensor_parallel_size)
    texts = (boot.flags, boot.on, boot.key.gpu, boot.key.vllm_version, boot.key.architecture)
    if not all(type(each) is int and each >= 0 for each in numbers) or not all(
        type(each) is str for each in texts
    ):
        raise ValueError
    return boot
