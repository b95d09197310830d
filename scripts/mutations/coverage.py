"""Which tests run which statements of core/: measured once, kept in build/, measured again for what has changed."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from scripts.mutations.line_marks import Lines, Marked
from scripts.mutations.session import measured

BEFORE = "(before the tests)"


class Ran(NamedTuple):
    """What one test did."""

    seconds: float
    passed: bool
    lines: Lines
    file_digest: str
    """Of the test's file: another one is measured again."""


class Coverage:
    """What each test runs, of a session's tests that pass."""

    def __init__(self, ran: dict[str, Ran]) -> None:
        self.imported = {file: set(lines) for file, lines in ran.pop(BEFORE).lines.items()}
        """What ran before any test: at import, or to make what tests are given."""
        self.failed = [test for test, each in ran.items() if not each.passed]
        self.seconds = {test: each.seconds for test, each in ran.items()}
        self._by_line: dict[tuple[str, int], list[str]] = defaultdict(list)
        for test, each in ran.items():
            for file, lines in each.lines.items() if each.passed else ():
                for line in lines:
                    self._by_line[file, line].append(test)

    def running(self, file: str, line: int) -> list[str]:
        """Tests that run the statement that begins there."""
        return self._by_line.get((file, line), [])


class Measuring:
    """Runs the tests that are not known yet in place of a session's own loop."""

    def __init__(self, root: Path, rooms: Sequence[str], kept: Path) -> None:
        self._kept = kept
        self._digest = _digest(sorted((root / "vllm_costmeter").rglob("*.py")))
        self._marks = Marked(root, [root / "vllm_costmeter" / "core" / room for room in rooms])
        self._marks.import_all()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Each test's line is written as soon as it has run."""
        before = Ran(0.0, True, self._marks.take(), "")
        known = _known(self._kept, self._digest)
        digests = {item.path: _digest([item.path]) for item in session.items}
        missing = [
            item
            for item in session.items
            if item.nodeid not in known or known[item.nodeid].file_digest != digests[item.path]
        ]
        with self._kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps([BEFORE, before]) + "\n")

            def one(item: pytest.Item, seconds: float, passed: bool) -> None:
                ran = Ran(seconds, passed, self._marks.take(), digests[item.path])
                file.write(json.dumps([item.nodeid, ran]) + "\n")
                file.flush()
                self._marks.forget()

            self._marks.forget()
            measured(session.config, missing, one)
        return True


def coverage(kept: Path) -> Coverage:
    """As it was measured last."""
    digest = json.loads(kept.read_text("utf-8").partition("\n")[0])
    return Coverage(_known(kept, digest))


def _known(kept: Path, digest: str) -> dict[str, Ran]:
    """Of the file, which begins anew with other code."""
    lines = kept.read_text("utf-8").splitlines() if kept.exists() else []
    if not lines or json.loads(lines[0]) != digest:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(digest) + "\n", "utf-8")
        return {}
    return {test: Ran(*ran) for test, ran in map(json.loads, lines[1:])}


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
