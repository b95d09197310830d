"""Heavy tests (a real vLLM, Prometheus, a compiler of another language) run only when asked for: `pytest --heavy`.

What is true only of a quiet machine is a measurement, not a test of the code: `make bench` and `make phases` run those.
How the suite is divided and how to add to it: tests/README.md.
"""

from __future__ import annotations

import os
import signal

import hypothesis
import lanes
import pytest
import what_was_run

hypothesis.settings.register_profile(
    "busy machine", deadline=None
)  # other work runs here: no test is on the clock
hypothesis.settings.load_profile("busy machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--heavy` runs the fast tests and then the heavy ones."""
    parser.addoption("--heavy", action="store_true", help="also run the tests that need a real server")
    parser.addoption(
        "--chaos", action="store_true", help="also inject faults into real servers (most of an hour)"
    )
    parser.addoption("--soak", metavar="MINUTES", help="also serve mixed traffic for so many minutes")
    parser.addoption(
        "--record", action="store_true", help="write what --chaos and --soak find into docs/reliability"
    )


def pytest_configure() -> None:
    """A terminated run ends like an interrupted one, so that the servers it started are stopped. A run that was started
    in the background, where shells ignore SIGINT, does not pass that on. Meters in this process keep no ledger unless
    a test gives them one."""
    os.environ["COSTMETER_LEDGER"] = "off"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Two lanes for the whole suite."""
    lanes.open_lanes(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """What each lane takes."""
    return lanes.scheduler(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave heavy tests and faults out unless they were asked for, and put them last."""
    for marker in ("heavy", "chaos", "soak"):
        if not config.getoption(f"--{marker}") and marker not in config.getoption("-m"):
            left_out = [item for item in items if item.get_closest_marker(marker)]
            items[:] = [item for item in items if not item.get_closest_marker(marker)]
            if left_out:
                config.hook.pytest_deselected(items=left_out)
    items[:] = lanes.in_order(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table of what ran, after a whole run; after any run that skipped something."""
    parts = what_was_run.parts_of(terminalreporter.stats)
    if len(parts) <= 1 and not any(part.reasons for part in parts.values()):
        return
    asked_for_all = config.getoption("--heavy") or "heavy" in config.getoption("-m")
    left_out = () if asked_for_all else ("tests that need a real server (pytest --heavy, make test)",)
    terminalreporter.section("what was run", sep="-")
    for line in what_was_run.table(parts, left_out):
        terminalreporter.write_line(line)
