"""Read a user's TOML file; any error is one line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError, unreadable

LARGEST_BYTES = 1 << 20  # a catalogue of all GPUs and prices on sale takes a tenth


def read_toml(file: Path, name: str) -> dict[str, Any]:
    """The tables of `file`, called `name` ("settings file") in errors. Raises BadInputError if it does not exist, is
    not a regular file (reading a pipe would block), is larger than 1 MiB, or is not TOML."""
    try:
        if not file.is_file():
            fault = "is a folder, not a file" if file.is_dir() else "is not a regular file"
            raise BadInputError(f"{name} {file}: {fault if file.exists() else 'does not exist'}")
        with file.open("rb") as stream:
            data = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise unreadable(f"{name} {file}", error) from None
    if len(data) > LARGEST_BYTES:
        raise BadInputError(f"{name} {file}: is larger than {LARGEST_BYTES >> 20} MiB")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except RecursionError:
        raise BadInputError(f"{name} {file}: is nested too deeply") from None
    except ValueError as error:
        raise BadInputError(
            f"{name} {file}: is not valid TOML: {' '.join(str(error).split())[:200]}"
        ) from None
