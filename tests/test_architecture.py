"""The rules that keep the rooms apart and the files small, checked on the source itself."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "vllm_costmeter"
MAY_IMPORT = {
    "core": {"core"},
    "sources": {"core", "sources"},
    "outputs": {"core", "outputs"},
    "metering": {"core", "outputs", "metering"},
    "plugin": {"core", "sources", "outputs", "metering", "plugin"},
    "cli": {"core", "sources", "outputs", "metering", "plugin", "cli"},
}
# The package's own front: `vllm_costmeter.check()` wires rooms like a command does.
FRONT = {"core", "sources", "outputs", "metering"}
# What a check is put together of, outside core: one file does it, so that no copy forgets a step.
ASSEMBLED = {f"vllm_costmeter.core.fit.{name}" for name in ("fit", "suggest", "trial")}
HOST = {"vllm", "torch"}  # only the plugin room imports them; an extra, never a dependency
IMPURE = {
    "asyncio",
    "http",
    "logging",
    "os",
    "pathlib",
    "random",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "sys",
}
IMPURE |= {"tempfile", "threading", "time", "urllib"}
REGISTRY = "vllm_costmeter/sources/model_config/families/registry.py"
"""A table with a line per architecture: as long as vLLM's registry."""
LINES_PER_FILE = 250
NEVER_WRITTEN = re.compile(
    re.escape(f"{ROOT}/")  # where this checkout happens to lie
    + r"|\b(files|index|registry|download|deb|security)\.[a-z0-9-]+\.(org|com|io)\b"  # a package registry's host
    + r"|pythonhoste[d]|\b(pyp[i]|npmj[s]|debia[n])\.(org|com)\b|pytorc[h]\.org/whl"
    + r"|https?://[^\s\"']+/simple\b|index-url[ =]+https?:|find-links[ =]+/",
    re.IGNORECASE,
)


def sources() -> list[Path]:
    """Every Python file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


@functools.cache
def imported_modules(path: Path) -> tuple[str, ...]:
    """The absolute names a file imports anywhere in it, relative imports resolved."""
    return tuple(_imported_modules(path))


def _imported_modules(path: Path) -> Iterator[str]:
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            yield ".".join((*base, *(node.module or "").split(".")))
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            if node.module == "vllm_costmeter":
                yield from (f"vllm_costmeter.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    """The room a file lies in; "" for the package's own front."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def test_a_room_imports_only_the_rooms_it_may() -> None:
    """Data flows one way: core knows nobody, sources and outputs know core, nobody imports plugin or cli."""
    found = {}
    for path in sources():
        rooms = {name.split(".")[1] for name in imported_modules(path) if name.startswith("vllm_costmeter.")}
        if wrong := (rooms & MAY_IMPORT.keys()) - MAY_IMPORT.get(room_of(path), FRONT):
            found[str(path.relative_to(ROOT))] = wrong
    assert found == {}


def test_a_check_is_assembled_in_one_place() -> None:
    """No command, server or script judges a model by itself, so none forgets release, drafter, records or offers."""
    files = [*sources(), *(ROOT / "scripts").rglob("*.py")]
    found = [
        str(path.relative_to(ROOT))
        for path in files
        if PACKAGE / "core" not in path.parents and ASSEMBLED & set(imported_modules(path))
    ]
    assert found == ["vllm_costmeter/assembly.py"]


def test_only_the_plugin_imports_the_host() -> None:
    """`costmeter check` works where neither vllm nor torch is installed."""
    others = [path for path in sources() if room_of(path) != "plugin"]
    assert [path for path in others if HOST & {name.split(".")[0] for name in imported_modules(path)}] == []


def test_core_is_pure() -> None:
    """Core imports no third-party library and nothing that reads the world, the clock or the environment."""
    for path in sorted((PACKAGE / "core").rglob("*.py")):
        top = {name.split(".")[0] for name in imported_modules(path)} - {"vllm_costmeter", "__future__"}
        assert top <= sys.stdlib_module_names, f"{path}: third-party {top - sys.stdlib_module_names}"
        assert not top & IMPURE, f"{path}: {top & IMPURE}"


def test_one_third_party_library_is_imported_in_one_file_of_a_room() -> None:
    """What breaks when a library changes is one file: where two rooms need one (sources read the exposition format,
    outputs write it), one of each. The host is excepted: the plugin room is about it."""
    files_by_library: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in sources():
        for name in imported_modules(path):
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names | HOST | {"vllm_costmeter", "__future__"}:
                files_by_library[top, room_of(path)].add(str(path.relative_to(ROOT)))
    assert {library: files for library, files in files_by_library.items() if len(files) > 1} == {}


def test_no_file_holds_two_concepts() -> None:
    """A Python file past 250 lines holds more than one concept and is split."""
    tracked = (ROOT / name for name in tracked_files() if name.endswith(".py"))
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in tracked}
    lengths.pop(REGISTRY)
    assert {name: lines for name, lines in lengths.items() if lines > LINES_PER_FILE} == {}


def test_nothing_of_one_machine_is_written_down() -> None:
    """No tracked text names a folder of the machine it was written on or the host of a package registry."""
    here = str(Path(__file__).relative_to(ROOT))
    found = {}
    for name in tracked_files():
        text = (ROOT / name).read_bytes().decode(errors="replace") if name != here else ""
        if hit := NEVER_WRITTEN.search(text):
            found[name] = hit.group()
    assert found == {}


def tracked_files() -> list[str]:
    """What git tracks and is there; outside a checkout (an sdist) there is nothing to hold."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]
