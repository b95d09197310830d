"""The file in which servers record measurements of their starts for later checks.

`remember` appends under a lock and replaces the file atomically. A file that cannot be read, or is not ours, is ignored
and reported in one line. `state_folder.py` protects it on disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vllm_costmeter.core.dataclass import asdict, fields, replace
from vllm_costmeter.core.errors import OTHERWISE, BadInputError
from vllm_costmeter.sources.files import home

if TYPE_CHECKING:
    from vllm_costmeter.core.calibration.server_start import ServerStart

SCHEMA = "costmeter.calibration/1"
BOOTS_PER_DEPLOYMENT = 5
"""Starts kept per key and flags; older ones are dropped."""
MOST_BOOTS = 500
LARGEST_BYTES = 4 << 20

_CPU = "cpu, checked as "


def calibration_file(environ: Mapping[str, str] = os.environ) -> Path:
    """$XDG_STATE_HOME/vllm-costmeter/calibration.json, with ~/.local/state by default."""
    root = environ.get("XDG_STATE_HOME")
    folder = Path(root) if root else home(environ) / ".local" / "state"
    return folder / "vllm-costmeter" / "calibration.json"


def recall(
    gpu: str, file: Path | None = None, *, on_cpu: bool = False
) -> tuple[tuple[ServerStart, ...], str | None]:
    """Recorded starts on a GPU under any of its names, oldest first, and one line if the file could not be read. The
    driver's name and the catalogue's are the same GPU; the starts get the requested name.

    `on_cpu`: starts of vLLM's CPU build checked for that GPU. They are stored separately: a CPU's KV cache is no
    evidence about a GPU.
    """
    found, fault = _read(calibration_file() if file is None else file)
    boots = [
        _named(boot, boot.key.gpu.removeprefix(_CPU))
        for boot in found
        if boot.key.gpu.startswith(_CPU) == on_cpu
    ]
    names = {boot.key.gpu for boot in boots}
    same = {name for name in names if name == gpu or _gpu_name(name) == _gpu_name(gpu)}
    return tuple(_named(boot, gpu) for boot in boots if boot.key.gpu in same), fault


def remember(
    boot: ServerStart, file: Path | None = None, *, on_cpu: bool = False, patience_seconds: float = 2.0
) -> str | None:
    """Add a start; returns one line if it could not be stored (a read-only home, a full disk, a lock not released
    within `patience_seconds`), otherwise None. `on_cpu` as in `recall`."""
    from vllm_costmeter.sources.files.state_folder import locked_folder, read_in, replace_in

    file = calibration_file() if file is None else file
    if on_cpu:
        boot = _named(boot, _CPU + boot.key.gpu)
    try:
        with locked_folder(file.parent, file.with_suffix(".lock").name, patience_seconds) as folder:
            boots = _parsed(read_in(folder, file.name, LARGEST_BYTES)) or []
            kept = [asdict(each) for each in with_newest(boots, boot)]
            content = json.dumps({"schema": SCHEMA, "boots": kept}, indent=1)
            replace_in(folder, file.name, content.encode())
    except OSError as error:
        return f"calibration could not be saved in {file}: {error.strerror or error}"
    return None


def with_newest(boots: Sequence[ServerStart], boot: ServerStart) -> list[ServerStart]:
    """`boots`, oldest first, and `boot`. The last few per key and flags are stored, and the last few hundred in total;
    equal starts are stored individually."""
    alike = [place for place, each in enumerate(boots) if (each.key, each.flags) == (boot.key, boot.flags)]
    forgotten = set(alike[: max(len(alike) - BOOTS_PER_DEPLOYMENT + 1, 0)])
    kept = [each for place, each in enumerate(boots) if place not in forgotten]
    return [*kept[-MOST_BOOTS + 1 :], boot]


def _named(boot: ServerStart, gpu: str) -> ServerStart:
    return replace(boot, key=replace(boot.key, gpu=gpu))


def _gpu_name(name: str) -> str:
    """The catalogue's name of a GPU; the name itself where the catalogue has no such GPU."""
    from vllm_costmeter.sources.catalogue.load import find_gpu, gpu_for_nvml_name

    gpu = gpu_for_nvml_name(name)
    if gpu is not None:
        return gpu.name
    try:
        return find_gpu(name).name
    except BadInputError:
        return name


def _read(file: Path) -> tuple[list[ServerStart], str | None]:
    try:
        if not file.exists():
            return [], None
        from vllm_costmeter.sources.files.state_folder import opened_folder, read_in

        with opened_folder(file.parent) as folder:
            data = read_in(folder, file.name, LARGEST_BYTES)
    except FileNotFoundError:
        return [], None
    except OSError as error:
        return [], f"calibration file {file} is ignored: {error.strerror or error}"
    boots = _parsed(data)
    if boots is None:
        return (
            [],
            f"calibration file {file} is not valid and is ignored; the next server start replaces it",
        )
    return boots, None


def _parsed(data: bytes | None) -> list[ServerStart] | None:
    """None for content that no server wrote, or too much of it."""
    try:
        found = json.loads(data or b"")
        if found["schema"] != SCHEMA:
            raise ValueError
        return [_boot(values) for values in found["boots"]]
    except OTHERWISE:
        return None


def _boot(values: Mapping[str, Any]) -> ServerStart:
    """ValueError, TypeError or KeyError for what no server wrote. What an earlier version recorded besides is left."""
    from vllm_costmeter.core.calibration.server_start import ServerStart, ServerStartKey

    known = {each.name: values[each.name] for each in fields(ServerStart) if each.name in values}
    boot = ServerStart(**known | {"key": ServerStartKey(**values["key"])})
    numbers = (boot.predicted_used_bytes, boot.used_bytes, boot.key.tensor_parallel_size)
    texts = (boot.flags, boot.on, boot.key.gpu, boot.key.vllm_version, boot.key.architecture)
    if not all(type(each) is int and each >= 0 for each in numbers) or not all(
        type(each) is str for each in texts
    ):
        raise ValueError
    return boot
