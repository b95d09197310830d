"""What other releases make of a flag or a value that one release refuses; read only where one is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vllm_costmeter.sources.vllm_cli.flag_table import Flag, ReleaseFlags, Runs


def flag_elsewhere(flags: ReleaseFlags, name: str) -> Flag | None:
    """The flag of this name in the last release that has it; None if no recorded release has."""
    last = max((run[1] for run in _runs(flags, name)), default=None)
    return None if last is None else flags.table.numbered(last).by_name[name]


def dropped_by(flags: ReleaseFlags, name: str) -> tuple[str, str] | None:
    """The last release with the flag before this one, and the release that dropped it; None if none had it."""
    last = max((run[1] for run in _runs(flags, name) if run[1] < flags.number), default=None)
    return None if last is None else (flags.table.releases[last], flags.table.releases[last + 1])


def brought_by(flags: ReleaseFlags, name: str) -> str | None:
    """The first release after this one that has the flag; None if none has."""
    first = min((run[0] for run in _runs(flags, name) if run[0] > flags.number), default=None)
    return None if first is None else flags.table.releases[first]


def taking_choice(flags: ReleaseFlags, flag: Flag, value: Any) -> str:
    """ " (vLLM 0.17.0 to 0.31.0 takes it)": the releases in which the flag allows the value; "" if none does."""
    runs = [
        run
        for runs, record in flags.table.records
        if value in (record.get("choices") or (value,)) and flag.name in record["names"].split()
        for run in runs
    ]
    return _takes_it(flags, sorted({number for first, last in runs for number in range(first, last + 1)}))


def taking_shape(flags: ReleaseFlags, config: str, takes: Callable[[Any], bool]) -> str:
    """The same, of the releases in which `takes` is true of the configuration class's shape."""
    shapes = ((number, flags.table.shape(config, number)) for number in range(len(flags.table.releases)))
    return _takes_it(flags, [number for number, shape in shapes if shape["of"] and takes(shape)])


def _runs(flags: ReleaseFlags, name: str) -> Runs:
    """The runs of releases with a flag of this name."""
    return flags.table.runs_by_name.get(name, ())


def _takes_it(flags: ReleaseFlags, numbers: Sequence[int]) -> str:
    if not numbers:
        return ""
    first, last = flags.table.releases[numbers[0]], flags.table.releases[numbers[-1]]
    return f" (vLLM {first}{f' to {last}' if last != first else ''} takes it)"
