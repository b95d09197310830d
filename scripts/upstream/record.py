"""Add one release to the committed tables that follow from its sources alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.upstream import answers, architectures, flags, interfaces, ledger, refusals
from scripts.upstream.releases import Key, Span, key_of, version
from scripts.upstream.source_tree import SourceTree
from scripts.upstream.start_path import start_stops
from vllm_costmeter.sources.vllm_cli.flag_table import FILE as FLAGS

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"


@dataclass(frozen=True, slots=True)
class Pair:
    """The release before and the one that is read, unpacked: each folder contains `vllm/`."""

    old: str
    before: Path
    new: str
    after: Path


def record(pair: Pair) -> Iterator[str]:
    """Update every table; one line about each."""
    if pair.new in json.loads(FLAGS.read_text())["releases"]:
        yield "flags and command lines: recorded before, left as they are"
    else:
        python = shutil.which("python3.12")
        given = ["--argparse", _argparse_of(python)] if python else []
        flags.main([str(pair.after), *given])
        answers.main([str(pair.after), *given])
        yield f"flags.json and tests/data/vllm_cli/answers.jsonl.gz, argparse of {'3.12' if python else 'this Python'}"
    trees = SourceTree(pair.before), SourceTree(pair.after)
    yield _table(
        architectures.TABLE, architectures.extended(_read(architectures.TABLE), pair.old, pair.new, trees)
    )
    yield _table(interfaces.TABLE, interfaces.extended(_read(interfaces.TABLE), pair.new, trees))
    yield _stops(pair)
    yield _run("statistics", pair, "tests/builders/vllm_stats_traffic.py", "record", str(_sample(pair.new)))
    yield _run("answers about recorded deployments", pair, "-m", "scripts.answers.older_releases")


def _sample(release: str) -> Path:
    return DATA / "vllm_stats" / f"{release.rpartition('.')[0]}.json"


def _argparse_of(python: str) -> str:
    found = subprocess.run(
        [python, "-c", "import argparse; print(argparse.__file__)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return found.stdout.strip()


def _read(file: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(file.read_text())
    return found


def _table(file: Path, table: object) -> str:
    text = json.dumps(table, indent=0) + "\n"
    state = "as it was" if file.read_text() == text else "updated"
    file.write_text(text)
    return f"{file.name}: {state}"


def _stops(pair: Pair) -> str:
    """Statements that the release has under their first and last release. Of those that are only counted, the new ones
    add to the count."""
    reasons = ledger.read_reasons()
    rows: dict[tuple[str, ...], list[ledger.Row]] = {}
    for row in ledger.read_stops():
        if row.function != "*":
            rows.setdefault(_place(row), []).append(row)
    counts = {
        (row.reason, row.module): int(row.message) for row in ledger.read_stops() if row.function == "*"
    }
    before = {key_of(stop) for stop in start_stops(pair.before / "vllm")}
    found: dict[Key, Span] = {
        key_of(stop): Span(pair.new, pair.new, stop.condition) for stop in start_stops(pair.after / "vllm")
    }
    is_recorded = any(row.last == pair.new for kept in rows.values() for row in kept)
    taken: set[ledger.Row] = set()
    for row in ledger.classify(found, reasons):
        if ledger.is_counted(row.reason, reasons):
            continue
        kept = rows.setdefault(_place(row), [])
        alike = [each for each in kept if each.last in (pair.old, pair.new) and each not in taken]
        alike.sort(key=lambda each: (each.last != pair.new, each.condition != row.condition))
        known = alike[0] if alike else None
        if known is not None:
            kept.remove(known)
        renewed = row if known is None else row._replace(first=known.first)
        kept.append(renewed)
        taken.add(renewed)
    for key in found.keys() - before if not is_recorded else ():
        (row,) = ledger.classify({key: found[key]}, reasons)
        if ledger.is_counted(row.reason, reasons):
            counts[row.reason, row.module] = counts.get((row.reason, row.module), 0) + 1
    ordered = sorted(
        (row for kept in rows.values() for row in kept),
        key=lambda row: (row.module, row.function, row.message, version(row.first)),
    )
    text = ledger.STOPS.read_text()
    ledger.write_rows(ordered, counts)
    refusals.PAGE.write_text(refusals.report())
    return (
        f"stops.csv and docs/refusals.md: {'as they were' if ledger.STOPS.read_text() == text else 'updated'}"
    )


def _place(row: ledger.Row) -> tuple[str, ...]:
    return row.module, row.function, row.exception, row.message


def _run(what: str, pair: Pair, *words: str) -> str:
    """A script in a process that sees the release; its last line of complaint where it cannot run."""
    path = os.pathsep.join((str(pair.after), str(ROOT)))
    done = subprocess.run(
        [sys.executable, *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "VLLM_PLUGINS": ""},
    )
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        return (
            f"{what}: its sources do not run here: {lines[-1].strip()[:200] if lines else 'no reason given'}"
        )
    refused = [line for line in done.stdout.splitlines() if ": " in line]
    return f"{what}: recorded" + "".join(f"; {line[:200]}" for line in refused)
