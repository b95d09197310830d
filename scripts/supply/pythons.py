"""`make pythons`: the tests that need no vLLM on every Python that is found, recorded in docs/releasing.md.

`python -m scripts.supply.pythons [PYTHON ...]`: on these interpreters, as `make pythons PYTHONS=...`. Each gets an
environment in build/python-X.Y with our requirements of the day. The exit code is 1 if a test failed on one of them.
"""

from __future__ import annotations

import datetime
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from scripts.pages.marked_section import MarkedSection
from scripts.supply.dependencies import ROOT

NEED_VLLM = ("tests/plugin", "tests/e2e")
"""Rooms of tests beside an installed vLLM, which has its own range of Pythons. Others skip what they need it for."""
MINORS = ("3.11", "3.12", "3.13", "3.14")
SECTION = MarkedSection("pythons", "Pythons", "make pythons")
PAGE = ROOT / "docs" / "releasing.md"
HEAD = "| Python | passed | failed | skipped | on |\n|---|---|---|---|---|\n"


class Outcome(NamedTuple):
    """What one Python made of the tests."""

    python: str
    """As 3.14.5."""
    passed: int
    failed: int
    skipped: int
    date: str

    @property
    def row(self) -> str:
        passed, failed, skipped = (f"{count:,}" for count in self[1:4])
        return f"| {self.python} | {passed} | {failed} | {skipped} | {self.date} |"


def main(given: Sequence[str]) -> int:
    """Install, test and record, one Python after the other: what is recorded stays if a later one fails."""
    found = given or [path for minor in MINORS if (path := shutil.which(f"python{minor}"))]
    if not found:
        raise SystemExit(f"no Python was found: {', '.join(f'python{minor}' for minor in MINORS)}; name one")
    outcomes = []
    for python in found:
        outcomes.append(outcome := tested(python))
        SECTION.write(PAGE, with_outcome(SECTION.read(PAGE.read_text("utf-8")), outcome))
        print(outcome.row, flush=True)
    return int(any(outcome.failed for outcome in outcomes))


def tested(python: str) -> Outcome:
    """The outcome on this interpreter. CalledProcessError if our requirements cannot be installed for it."""
    version = _output(python, "-c", "import platform; print(platform.python_version())").strip()
    folder = ROOT / "build" / f"python-{version.rpartition('.')[0]}"
    own = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
    print(f"Python {version}: installing ...", flush=True)
    subprocess.run([own, "-m", "pip", "install", "--quiet", "-e", ".[dev]"], cwd=ROOT, check=True)
    print(f"Python {version}: testing ...", flush=True)
    report = folder / "tests.xml"
    tests = [own, "-m", "pytest", *(f"--ignore={room}" for room in NEED_VLLM), f"--junitxml={report}"]
    code = subprocess.run(tests, cwd=ROOT, check=False).returncode
    if code not in (0, 1):
        raise SystemExit(f"Python {version}: pytest ended with {code}, before it had run every test")
    return outcome_of(version, report.read_text("utf-8"), datetime.date.today())


def outcome_of(version: str, report: str, date: datetime.date) -> Outcome:
    """The counts of a JUnit report."""
    suites = list(ElementTree.fromstring(report).iter("testsuite"))
    tests, failures, errors, skipped = (
        sum(int(suite.get(kind, 0)) for suite in suites)
        for kind in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    return Outcome(version, tests - failed - skipped, failed, skipped, f"{date:%Y-%m-%d}")


def with_outcome(section: str, outcome: Outcome) -> str:
    """The table with this row in place of an earlier one of the same minor version, in order."""
    minor = outcome.python.rpartition(".")[0]
    rows = [
        line
        for line in section.splitlines()
        if line.startswith("| 3.") and not line.startswith(f"| {minor}.")
    ]
    rows.append(outcome.row)
    return "\n" + HEAD + "\n".join(sorted(rows)) + "\n"


def _output(*words: str) -> str:
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
