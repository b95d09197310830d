"""What was counted for one seed, kept in build/mutations/ after every fault."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

from vllm_costmeter.core.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One fault and what became of it."""

    file: str
    line: int
    before: str
    after: str
    survived: bool
    survived_at_first: bool
    reached: int
    """Tests that run the fault."""
    test: str | None
    """The one that noticed it."""

    def shown(self) -> str:
        """In one line."""
        noticed = f"noticed by {self.test}" if self.test else "SURVIVED"
        return f"{noticed}: {self.file}:{self.line}: {self.before[:90]}  ->  {self.after[:90]}, run by {self.reached}"


class Sample:
    """The faults of one seed, in their order."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._kept = folder / f"seed_{seed}.json"
        self.seed = seed
        self.on = time.strftime("%Y-%m-%d", time.gmtime())
        self.rows: list[Row] = []
        if self._kept.exists():
            found = json.loads(self._kept.read_text("utf-8"))
            self.on = found["on"]
            self.rows = [Row(**row) for row in found["faults"]]

    def add(self, row: Row) -> None:
        """The next one."""
        self.rows.append(row)
        self._write()

    def replace(self, place: int, row: Row) -> None:
        """Tried again: what it was at first stays."""
        first = self.rows[place].survived_at_first
        self.rows[place] = Row(**{**_fields(row), "survived_at_first": first})  # type: ignore[arg-type]
        self._write()

    def _write(self) -> None:
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        found = {"seed": self.seed, "on": self.on, "faults": [_fields(row) for row in self.rows]}
        self._kept.write_text(json.dumps(found, indent=1))


def _fields(row: Row) -> dict[str, object]:
    return asdict(row)
