"""Read scenarios from a TOML file: `[[scenario]]` tables with a question and the command that answers it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.catalogue.load import PACKAGE_FOLDER
from vllm_costmeter.sources.catalogue.rows import reject_unknown
from vllm_costmeter.sources.files.toml import read_toml

PACKAGED = PACKAGE_FOLDER / "scenarios.toml"


class Scenario(NamedTuple):
    """One question."""

    question: str
    words: tuple[str, ...]
    """The command that answers it, without `costmeter`."""
    where: str
    """The file and the row, for errors."""


def read_scenarios(file: Path, commands: Sequence[str]) -> list[Scenario]:
    """Every scenario. BadInputError names the file, the row and the key; `commands` are those allowed."""
    values = read_toml(file, "scenario file")
    reject_unknown(values, ("scenario",), str(file))
    rows = values.get("scenario")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise BadInputError(f"{file}: holds no [[scenario]] tables, each with a question and a command")
    return [_scenario(row, f"{file}: scenario {number}", commands) for number, row in enumerate(rows, 1)]


def _scenario(row: dict[str, object], where: str, commands: Sequence[str]) -> Scenario:
    reject_unknown(row, ("question", "command"), where)
    question, command = row.get("question"), row.get("command")
    for key, value in (("question", question), ("command", command)):
        if not isinstance(value, str) or not value.strip():
            raise BadInputError(f"{where}: {key!r} must be a string")
    try:
        words = shlex.split(str(command))
    except ValueError as fault:
        raise BadInputError(f"{where}: the command cannot be split into words: {fault}") from None
    words = words[1:] if words[:1] == ["costmeter"] else words
    if words[:1] == [] or words[0] not in commands:
        raise BadInputError(
            f"{where}: the command must begin with {' or '.join(commands)}, got {str(command)!r:.60}"
        )
    return Scenario(str(question), tuple(words), where)
