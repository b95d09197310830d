"""What a test needs and may not be there: without it the test skips the table at the end says so; in CI it fails."""

from __future__ import annotations

import importlib
import os
import shutil
from typing import Any, NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Ends the test that lacks something."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)


def required_tool(name: str) -> str:
    """The path of a program."""
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not on the PATH (`make test` installs it where apt-get and root are there)")
    return found


def required_module(name: str) -> Any:
    """A Python module that the base install does not bring."""
    try:
        return importlib.import_module(name)
    except ImportError:
        missing(f"the Python module {name} is not installed (`make test` installs it)")
