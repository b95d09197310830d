"""What the end-to-end tests share: the price, the flags, and the tools they need."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from scripts.servers.vllm_server import Server

ROOT = Path(__file__).resolve().parents[2]
RULE_FILES = tuple(sorted((ROOT / "grafana" / "prometheus" / "rules").glob("*.yml")))
USD_PER_HOUR = 0.55
METERED = ("--plugin", "costmeter", "--gpu-hourly-usd", str(USD_PER_HOUR))
ONE_THREAD = {"OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}  # two ranks share two cores
FEW_PROCESSES = {**ONE_THREAD, "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
"""The engine works in its own process, as it does on one GPU; the CPU build would give the worker one more, whose
imports are a third of a start."""
SLEEPS = {"VLLM_SERVER_DEV_MODE": "1"}
"""vLLM's sleep endpoints. Without `--enable-sleep-mode`, which the CPU build refuses, they stop the engine and keep its
memory: the same calls reach the meter."""

Serve = Callable[..., contextlib.AbstractContextManager[Server]]
