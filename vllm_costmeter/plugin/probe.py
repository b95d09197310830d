"""What this vLLM lacks of what the plugin touches: said in one line, and which parts go without it.

A newer vLLM than those read for `touched.py` may have renamed or removed anything. Serving never depends on it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from vllm_costmeter.core.engine.args import FLAGS, LAYOUT_FLAGS
from vllm_costmeter.core.engine.flags import SPECULATIVE_PARTS
from vllm_costmeter.core.release import NEWEST, OLDEST_SUPPORTED, dotted
from vllm_costmeter.sources.vllm.installed import running_release
from vllm_costmeter.sources.vllm.touched import HOOKS, WITHOUT, Touched
from vllm_costmeter.sources.vllm_cli.flag_table import flag_table

log = logging.getLogger("vllm.costmeter")

_told: set[str] = set()
"""Lines said in this process; bounded by the table."""


def parts_without(rows: Iterable[Touched], config: Any = None) -> frozenset[str]:
    """The parts that must do without something of `rows`, after one line for each set of parts.

    Rows with a place are looked up in `config`, a VllmConfig; the others in the modules that vLLM has loaded. A module
    that is not loaded says nothing about its names.
    """
    release = running_release()
    missing: dict[str, list[str]] = {}
    for row in rows:
        if row.is_in(release.number):
            missing.setdefault(row.parts, []).extend(_missing(row, config))
    lacking = {parts: dict.fromkeys(names) for parts, names in missing.items() if names}
    for parts, names in lacking.items():
        _tell(parts, names, str(release))
    return frozenset(part for parts in lacking for part in parts.split())


def tell_missing_hook(name: str) -> None:
    """One line for a hook that was not found where it is wrapped, if this release should have it."""
    release = running_release()
    for row in HOOKS:
        if name in row and row.is_in(release.number):
            _tell(row.parts, [f"{row.owner or row.module}.{name}"], str(release))


def tell_flags_given_up() -> None:
    """For a vLLM newer than the newest known: one line for the flags that the memory check reads and that are gone."""
    if running_release().minor <= NEWEST.minor:
        return
    known = flag_table().at(NEWEST.number).by_dest
    read = [each.field for each in (*LAYOUT_FLAGS, *FLAGS)]
    read += [
        *SPECULATIVE_PARTS,
        "compilation_config",
        "device_ids",
        "optimization_level",
        "served_model_name",
    ]
    kept = " ".join(name for name in read if name in known)
    parts_without([Touched("assumed", "vllm.engine.arg_utils", "EngineArgs", kept)])


def has(owner: Any, name: str) -> bool:
    """Whether an object has the attribute; a class also if its fields or its constructor set it."""
    if hasattr(owner, name):
        return True
    if not isinstance(owner, type):
        return False
    for base in owner.__mro__:
        declared = vars(base).get("__annotations__", {})
        code = getattr(vars(base).get("__init__"), "__code__", None)
        if name in declared or (code is not None and name in code.co_names):
            return True
    return False


def _missing(row: Touched, config: Any) -> list[str]:
    """Its names that are not there; the owner's where that is gone. None of a module that is not loaded, or of a
    section that this server leaves open."""
    if row.at and not hasattr(config, row.at):
        return [f"VllmConfig.{row.at}"]
    if row.at is None:
        owner = sys.modules.get(row.module)
        if owner is not None and row.owner:
            if not hasattr(owner, row.owner):
                return [f"{row.module}.{row.owner}"]
            owner = getattr(owner, row.owner)
    else:
        owner = getattr(config, row.at) if row.at else config
    if owner is None:
        return []
    return [f"{row.owner or row.module}.{name}" for name in row if not has(owner, name)]


def _tell(parts: str, names: Iterable[str], release: str) -> None:
    lost = _phrases(WITHOUT, parts)
    known = f"{dotted(OLDEST_SUPPORTED[:2])} to {dotted(NEWEST.number[:2])}"
    line = f"vLLM {release} has no {', '.join(names)}, so {lost} (known: vLLM {known})"
    if line not in _told:
        _told.add(line)
        log.warning("costmeter: %s", line)


def _phrases(phrases: Mapping[str, str], parts: str) -> str:
    return " and ".join(phrases[part] for part in parts.split())
