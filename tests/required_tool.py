"""A program that a test needs and that may not be there."""

from __future__ import annotations

import os
import shutil

import pytest


def required_tool(name: str) -> str:
    """The path of a program a test needs: without it the test skips, and in CI it fails."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not on the PATH (`make test` installs it where apt-get and root are there)"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
