"""What the end-to-end tests share: the price, the flags, and the tools they need."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from vllm_server import Server

ROOT = Path(__file__).resolve().parents[2]
USD_PER_HOUR = 0.55
METERED = ("--plugin", "costmeter", "--gpu-hourly-usd", str(USD_PER_HOUR))
ONE_THREAD = {"OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}  # two ranks share two cores
SLEEPS = {"VLLM_SERVER_DEV_MODE": "1"}
"""vLLM's sleep endpoints. Without `--enable-sleep-mode`, which the CPU build refuses, they stop the engine and keep its
memory: the same calls reach the meter."""

Serve = Callable[..., contextlib.AbstractContextManager[Server]]


def required_tool(name: str) -> str:
    """The path of a program a test needs: without it the test skips, and in CI it fails."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not on the PATH (`make test` installs it where apt-get and root are there)"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
