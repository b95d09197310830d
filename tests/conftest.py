"""Heavy tests (a real vLLM, Prometheus, a browser) run only when asked for: `pytest --heavy`, or by `-m heavy`.

What is true only of a quiet machine is a measurement, not a test of the code: `make bench` and `make phases` run those.
"""

from __future__ import annotations

import signal

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--heavy` runs the fast tests and then the heavy ones."""
    parser.addoption("--heavy", action="store_true", help="also run the tests that need a real server")


def pytest_configure() -> None:
    """A terminated run ends like an interrupted one, so that the servers it started are stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave heavy tests out unless they were asked for, and put them last."""
    heavy = [item for item in items if item.get_closest_marker("heavy")]
    fast = [item for item in items if not item.get_closest_marker("heavy")]
    if config.getoption("--heavy") or "heavy" in config.getoption("-m"):
        items[:] = fast + heavy
    elif heavy:
        config.hook.pytest_deselected(items=heavy)
        items[:] = fast
