"""The whole suite runs in two lanes (pytest-xdist's workers), each taking one unit of tests after another.

A unit is a file, or a folder of `e2e/` whose tests share the servers that its conftest.py starts: they live as long as
the unit runs, in one lane. `server_slots.py` sees to it that no more than two servers are alive in both lanes.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.scheduler.loadscope import LoadScopeScheduling

LANES = 2
E2E = PurePosixPath("tests/e2e")


def open_lanes(config: pytest.Config) -> None:
    """Two lanes for a run of the whole suite. A file or test that is named runs in this process, so does a debugger."""
    option = config.option
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if not whole or hasattr(config, "workerinput") or not config.pluginmanager.hasplugin("xdist"):
        return
    if option.numprocesses is None and not (option.usepdb or option.capture == "no"):
        option.numprocesses = LANES
        option.dist = "loadscope"
    option.loadscopereorder = False  # the order is `in_order`'s


def unit_of(nodeid: str) -> str:
    """What one lane runs in one go."""
    file = PurePosixPath(nodeid.partition("::")[0])
    if E2E in file.parents and file.parent != E2E:
        return str(E2E / file.relative_to(E2E).parts[0])
    return str(file)


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """Fast tests first. Then what needs both places for servers, beside it what needs none, and last what needs one:
    folders, which are long, before files."""
    units: dict[str, list[pytest.Item]] = {}
    for item in items:
        units.setdefault(unit_of(item.nodeid), []).append(item)
    ranks = {unit: rank(unit, within) for unit, within in units.items()}
    return sorted(items, key=lambda item: ranks[unit_of(item.nodeid)])


def rank(unit: str, items: list[pytest.Item]) -> int:
    """The lower the earlier."""
    needed = {name for item in items for name in getattr(item, "fixturenames", ())}
    if "both_slots" in needed:
        return 1
    if "slots" in needed:
        return 4 if unit.endswith(".py") else 3
    return 2 if all(item.get_closest_marker("heavy") for item in items) else 0


def scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """xdist's scheduler of scopes, with our units for scopes."""
    from xdist.scheduler.loadscope import LoadScopeScheduling

    class ByUnit(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

    return ByUnit(config, log)
