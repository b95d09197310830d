"""Tests of a session, run in a forked process that ends at the first failure."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import hypothesis
import pytest

MOST_TIMES_AS_LONG = 10
MOST_SECONDS_MORE = 2.0
"""Of processor time, and per test: a fault that takes longer hangs, which somebody would notice."""
MOST_WALL_SECONDS = 900
"""Of a test that waits and does nothing, on a machine with much other work."""
NOT_PREPARED = "(not prepared)"


def options(folder: Path) -> list[str]:
    """Of pytest: one process, the same order and the same examples each time, nothing left behind."""
    return ["-q", "-n0", "-p", "no:cacheprovider", "--tb=no", "--hypothesis-seed=0", f"--basetemp={folder}"]


class Examples:
    """No shrinking of examples that fail (one failure is enough) and none remembered for the next fault."""

    def pytest_collection(self) -> None:
        """After tests/conftest.py has chosen its own profile."""
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("mutations", deadline=None, database=None, phases=phases)
        hypothesis.settings.load_profile("mutations")


class FirstFailure:
    """Leaves the process at once; the test's name is sent first."""

    def __init__(self, to: int) -> None:
        self._to = to

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """A test that is skipped or expected to fail has not failed."""
        if call.excinfo is None or call.excinfo.errisinstance(pytest.skip.Exception):
            return
        if item.get_closest_marker("xfail") is None:
            os.write(self._to, item.nodeid.encode())
            os._exit(1)


def failing(
    config: pytest.Config, tests: Sequence[tuple[pytest.Item, float]], prepare: Callable[[], bool]
) -> str | None:
    """Name of the first test that fails after `prepare`, each given with its usual seconds; `(hangs)`, None if none
    does, NOT_PREPARED if `prepare` returned False."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        code = 3
        try:
            os.close(read)
            if not prepare():
                os.write(write, NOT_PREPARED.encode())
                os._exit(1)
            config.pluginmanager.register(FirstFailure(write))
            for number, (item, seconds) in enumerate(tests):
                following = tests[number + 1][0] if number + 1 < len(tests) else None
                signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS_MORE + MOST_TIMES_AS_LONG * seconds)
                signal.alarm(MOST_WALL_SECONDS)
                config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    status = os.waitpid(child, 0)[1]
    os.set_blocking(read, False)  # what a test started may still hold the other end
    try:
        said = os.read(read, 65536).decode()
    except BlockingIOError:
        said = ""
    os.close(read)
    return said or (None if status == 0 else "(hangs)" if os.WIFSIGNALED(status) else "(ends)")


def measured(
    config: pytest.Config, items: Sequence[pytest.Item], each: Callable[[pytest.Item, float, bool], None]
) -> None:
    """Runs all of them in this process: (item, seconds of processor time, whether it passed)."""

    class Reports:
        def __init__(self) -> None:
            self.failed = False

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            self.failed |= report.failed

    reports = Reports()
    config.pluginmanager.register(reports)
    for number, item in enumerate(items):
        reports.failed = False
        begun = time.process_time()
        following = items[number + 1] if number + 1 < len(items) else None
        config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        each(item, time.process_time() - begun, not reports.failed)
