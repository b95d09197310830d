"""A process that has collected the tests once: for each fault it forks, swaps the code and runs those that reach it."""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from scripts.mutations.code_swap import Loaded, loaded_functions, swap
from scripts.mutations.constants import Users, assigned_at, rebind
from scripts.mutations.coverage import Coverage, Measuring, coverage, is_complete
from scripts.mutations.line_marks import module_name
from scripts.mutations.operators import Mutant
from scripts.mutations.session import Examples, failing, options


class Answer(NamedTuple):
    """Of the warm process, about one fault."""

    test: str | None
    """The first that fails, NOT_PREPARED where the fault is in no function."""
    reached: int
    """Tests that run the fault."""
    ran_before: bool
    """Its line ran before the tests began, so that some of what they see was made without the fault."""


class Warm:
    """Asked by the process that started it, and ended with it."""

    def __init__(self, root: Path, rooms: Sequence[str], tests: Sequence[str], kept: Path) -> None:
        if not is_complete(root, tests, kept):
            os.waitpid(in_session(kept, tests, lambda: Measuring(root, rooms, kept)), 0)
        asks, self._asked = os.pipe()
        from_child, answers = os.pipe()

        def answering() -> _Answers:
            os.close(self._asked)  # else it would wait for itself
            return _Answers(root, rooms, coverage(kept), asks, answers)

        self._child = in_session(kept, tests, answering)
        os.close(asks)
        os.close(answers)
        self._from = os.fdopen(from_child)
        self.seconds = 0.0
        """Of processor time so far, its forks too."""

    def first_failure(self, fault: Mutant) -> Answer:
        """Which of the tests that run it notices the fault."""
        question = json.dumps([fault.file, fault.number, fault.statement_line])
        os.write(self._asked, f"{question}\n".encode())
        said = self._from.readline()
        if not said:
            raise SystemExit("the process with the tests has ended")
        test, reached, ran_before, self.seconds = json.loads(said)
        return Answer(test, reached, ran_before)

    def end(self) -> None:
        """No more questions."""
        os.close(self._asked)
        os.waitpid(self._child, 0)


def in_session(kept: Path, tests: Sequence[str], loop: Callable[[], object]) -> int:
    """Number of a new process that collects the tests with a plugin in place of pytest's loop."""
    child = os.fork()
    if not child:
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            log = os.open(kept.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(log, 1)
            os.dup2(log, 2)
            with tempfile.TemporaryDirectory() as folder:
                pytest.main([*options(Path(folder) / "tests"), *tests], plugins=[Examples(), loop()])
        except BaseException:  # noqa: BLE001 (the process ends here, and says why)
            traceback.print_exc()
        finally:
            os._exit(0)
    return child


class _Answers:
    """A line of answer for each line of question."""

    def __init__(self, root: Path, rooms: Sequence[str], ran: Coverage, questions: int, to: int) -> None:
        self._root, self._ran, self._questions, self._to = root, ran, questions, to
        self._killers: Counter[tuple[str, str]] = Counter()
        self._users = Users([root / "vllm_costmeter" / "core" / room for room in rooms])
        for room in rooms:
            for file in sorted((root / "vllm_costmeter" / "core" / room).rglob("*.py")):
                importlib.import_module(module_name(root, file))

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of pytest's own."""
        ran = self._ran
        items = {item.nodeid: item for item in session.items}
        print(f"{len(items)} tests, failing as they are: {ran.failed}", file=sys.stderr, flush=True)
        loaded = loaded_functions(self._root / "vllm_costmeter")
        gc.collect()
        gc.freeze()
        with os.fdopen(self._questions) as questions, os.fdopen(self._to, "w") as to:
            for question in questions:
                file, number, line = json.loads(question)
                path = self._root / file
                places = {(str(path), line)}
                for name in assigned_at(path, line):
                    places |= self._users.of(name)
                reaching = sorted({test for place in places for test in ran.running(*place) if test in items})
                chosen = [(items[test], ran.seconds[test]) for test in self._in_order(file, reaching)]
                test = failing(
                    session.config,
                    chosen,
                    partial(_put_in, loaded, module_name(self._root, path), path, number),
                )
                self._killers[file, test or ""] += 1
                earlier = line in ran.imported.get(str(path), ())
                to.write(json.dumps([test, len(reaching), earlier, _processor_seconds()]) + "\n")
                to.flush()
        return True

    def _in_order(self, file: str, tests: list[str]) -> list[str]:
        """Those that noticed faults of the file before, those that carry its name, then the quickest files."""
        mirrored = f"test_{Path(file).stem}"
        of_file: Counter[str] = Counter()
        for test in tests:
            of_file[test.split("::")[0]] += self._ran.seconds[test]  # type: ignore[assignment]
        return sorted(
            tests,
            key=lambda test: (
                -self._killers[file, test],
                not Path(test.split("::")[0]).stem.startswith(mirrored),
                of_file[test.split("::")[0]],
                test,
            ),
        )


def _put_in(loaded: Loaded, module: str, path: Path, number: int) -> bool:
    return swap(loaded, path, number) > 0 or bool(rebind(module, path, number))


def _processor_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)
