"""The file that keeps how fast measured servers were, beside the one of starts (`calibration.py`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vllm_costmeter.core.dataclass import asdict, fields
from vllm_costmeter.core.errors import OTHERWISE
from vllm_costmeter.core.serving.calibration import Calibration
from vllm_costmeter.sources.files.calibration import calibration_file
from vllm_costmeter.sources.files.state_folder import locked_folder, opened_folder, read_in, replace_in

SCHEMA = "costmeter.throughput-calibration/1"
NAME = "throughput.json"
MOST_KEPT = 200
LARGEST_BYTES = 1 << 20
PATIENCE_SECONDS = 2.0


def recall_throughput(folder: Path | None = None) -> tuple[tuple[Calibration, ...], str | None]:
    """Every calibration, oldest first, and one line if the file could not be read."""
    place = calibration_file().parent if folder is None else folder
    try:
        with opened_folder(place) as opened:
            content = read_in(opened, NAME, LARGEST_BYTES)
    except FileNotFoundError:
        return (), None
    except OSError as error:
        return (), f"calibration file {place / NAME} is ignored: {error.strerror or error}"
    found = _parsed(content)
    if found is None:
        return (), f"calibration file {place / NAME} is ignored: it is not ours"
    return tuple(found), None


def remember_throughput(added: Calibration, folder: Path | None = None) -> str | None:
    """Add one, in place of an older one of the same deployment; one line if it could not be stored."""
    place = calibration_file().parent if folder is None else folder
    try:
        with locked_folder(place, "throughput.lock", PATIENCE_SECONDS) as opened:
            known = _parsed(read_in(opened, NAME, LARGEST_BYTES)) or []
            kept = [each for each in known if _key(each) != _key(added)][-MOST_KEPT + 1 :]
            rows = [asdict(each) for each in (*kept, added)]
            replace_in(opened, NAME, json.dumps({"schema": SCHEMA, "calibrations": rows}, indent=1).encode())
    except OSError as error:
        return f"the calibration could not be saved in {place / NAME}: {error.strerror or error}"
    return None


def _key(each: Calibration) -> tuple[Any, ...]:
    return each.gpu, each.model, each.quantization, each.layout


def _parsed(content: bytes | None) -> list[Calibration] | None:
    """[] for a missing file, None for one that is not ours."""
    if not content:
        return [] if content is not None else None
    names = {each.name for each in fields(Calibration)}
    try:
        values = json.loads(content)
        if values["schema"] != SCHEMA:
            return None
        rows = [{name: row[name] for name in names} for row in values["calibrations"]]
        found = [Calibration(**{**row, "layout": tuple(row["layout"])}) for row in rows]
        return found if all(0 < float(each.slowdown) < 100 for each in found) else None
    except OTHERWISE:
        return None
