"""Which flags `vllm serve` has in which release, from `flags.json` (made by `scripts/upstream/flags.py`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from vllm_costmeter.core.dataclass import dataclass

FILE = Path(__file__).with_name("flags.json")

OPPOSITES = {"--enable-": "--disable-", "--disable-": "--enable-"}
Runs = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of one release."""

    names: tuple[str, ...]
    dest: str
    """vLLM's own name of the argument: `max_model_len`."""
    action: str
    """`store`, `append`, `lora`, `true` and `bool` (no value), `help`."""
    kind: str
    """How one value is read: `int`, `human_int?`, `config:CompilationConfig`, ... (`values.py`)."""
    nargs: str | int | None
    """None: one value; "+": one or more; "?": at most one; a number: as many."""
    const: Any
    """The value of a "?" flag that is given without one."""
    choices: tuple[Any, ...] | None
    default: Any
    """As JSON; {"object": class} where it is an object of vLLM's."""
    deprecated: bool
    off: frozenset[str]
    """The names that set it to False."""
    fields: Mapping[str, bool]
    """Of `lora`: the keys of one adapter, and whether they must be there."""

    @property
    def name(self) -> str:
        """The name that vLLM's documentation uses."""
        return self.names[0]

    @property
    def takes_value(self) -> bool:
        return self.action in ("store", "append", "lora")


def flag_from(record: Mapping[str, Any]) -> Flag:
    """A flag from one record of `flags.json`; what a record leaves out is the usual case."""
    names: list[str] = record["names"].split()
    action, off = record.get("action", "store"), list[str]()
    if action in ("bool", "pair"):
        off = [f"--no-{name[2:]}" for name in names if name.startswith("--")]
    if action == "pair":
        off += [
            opposite + name.removeprefix(prefix)
            for name in names
            for prefix, opposite in OPPOSITES.items()
            if name.startswith(prefix)
        ]
    choices = record.get("choices")
    return Flag(
        names=(*names, *off),
        dest=record.get("dest", names[0].lstrip("-").replace("-", "_")),
        action="bool" if action == "pair" else action,
        kind=record.get("kind", "str"),
        nargs=record.get("nargs"),
        const=record.get("const"),
        choices=None if choices is None else tuple(choices),
        default=record.get("default"),
        deprecated=record.get("deprecated", False),
        off=frozenset(off),
        fields=record.get("fields", {}),
    )


class FlagTable:
    """Every release's flags; a release that is not recorded is read as the newest recorded one before it."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self._known: dict[int, ReleaseFlags] = {}
        self.releases: tuple[str, ...] = tuple(data["releases"])

    def at(self, release: tuple[int, int, int] | None = None) -> ReleaseFlags:
        """The flags of a release; None: of the newest."""
        if release is None:
            return self._at(len(self.releases) - 1)
        older = [number for number, name in enumerate(self.releases) if _numbers(name) <= release]
        return self._at(max(older, default=0))

    def _at(self, number: int) -> ReleaseFlags:
        if number not in self._known:
            self._known[number] = self._read(number)
        return self._known[number]

    def _read(self, number: int) -> ReleaseFlags:
        records = [record for runs, record in self._data["flags"] if _holds(runs, number)]
        return ReleaseFlags(self, number, tuple(records))

    def shape(self, config: str, number: int) -> dict[str, Any]:
        """What a configuration class takes in a release (by number)."""
        fields = {
            name.partition(".")[2]: shape
            for name, variants in self._data["configs"].items()
            if name.startswith(f"{config}.")
            for runs, shape in variants
            if _holds(runs, number)
        }
        return {"of": fields}

    @cached_property
    def runs_by_name(self) -> Mapping[str, Runs]:
        """Every name that a flag has or had, with the releases (by number, first and last of each run) that know it."""
        found: dict[str, list[Sequence[int]]] = {}
        for runs, record in self._data["flags"]:
            for name in flag_from(record).names:
                found.setdefault(name, []).extend(runs)
        return found


class ReleaseFlags:
    """The flags of one release."""

    def __init__(
        self,
        table: FlagTable,
        number: int,
        records: Sequence[Mapping[str, Any]],
        more: Sequence[Flag] = (),
    ) -> None:
        self._table, self._number, self._records, self._more = table, number, records, more

    def plus(self, more: Sequence[Flag]) -> ReleaseFlags:
        """With flags that a plugin adds to vLLM's parser."""
        return ReleaseFlags(self._table, self._number, self._records, (*self._more, *more))

    def shape(self, config: str) -> dict[str, Any]:
        """What a configuration class takes as JSON (`config_shape.py`)."""
        return self._table.shape(config, self._number)

    @property
    def release(self) -> str:
        return self._table.releases[self._number]

    @property
    def first_recorded(self) -> str:
        """The oldest release that the table knows."""
        return self._table.releases[0]

    @property
    def numbers(self) -> tuple[int, int, int]:
        return _numbers(self.release)

    @cached_property
    def by_name(self) -> dict[str, Flag]:
        """Each flag by each of its names."""
        flags = [*map(flag_from, self._records), *self._more]
        return {name: flag for flag in flags for name in flag.names}

    @cached_property
    def by_dest(self) -> dict[str, Flag]:
        """Each flag by vLLM's own name of the argument."""
        return {flag.dest: flag for flag in self.by_name.values()}

    def dropped_by(self, name: str) -> str | None:
        """The release that no longer has a flag of an earlier one; None where no earlier one has it."""
        runs = self._table.runs_by_name.get(name, ())
        last = max((run[1] for run in runs if run[1] < self._number), default=None)
        return None if last is None else self._table.releases[last + 1]

    def brought_by(self, name: str) -> str | None:
        """The release that brings a flag that this one does not have yet; None where no later one has it."""
        runs = self._table.runs_by_name.get(name, ())
        first = min((run[0] for run in runs if run[0] > self._number), default=None)
        return None if first is None else self._table.releases[first]


@cache
def flag_table() -> FlagTable:
    """The packaged table."""
    return FlagTable(json.loads(FILE.read_text()))


def _numbers(release: str) -> tuple[int, int, int]:
    major, minor, patch = release.split(".")
    return int(major), int(minor), int(patch)


def _holds(runs: Runs, number: int) -> bool:
    return any(first <= number <= last for first, last in runs)
