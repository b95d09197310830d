"""Starts, sleeps and wake-ups, on vLLM's own engine client."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from vllm_costmeter.core.meter.operations import START, Operation, OperationLog
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving import operations
from vllm_costmeter.plugin.serving.operations import follow_operations
from vllm_costmeter.plugin.serving.requests.attaching import BUILDERS

vllm = pytest.importorskip("vllm")

from vllm.v1.engine.async_llm import AsyncLLM  # noqa: E402


class EngineCore:
    """What sleeps and wakes; fails where it is told to."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.fails = False

    async def sleep_async(self, level: int, mode: str) -> None:
        self.calls.append(("sleep", level, mode))

    async def wake_up_async(self, tags: list[str] | None) -> bool:
        if self.fails:
            raise RuntimeError("out of memory")
        self.calls.append(("wake_up", tags))
        return tags != ["weights"]


class Client(AsyncLLM):
    """vLLM's own client of an engine, without one, and so without a shutdown."""

    def __del__(self) -> None:
        pass


async def _nothing() -> None:
    return None


@pytest.fixture
def log() -> Iterator[OperationLog]:
    """A log that follows vLLM, which is afterwards as it was."""
    kept = AsyncLLM.sleep, AsyncLLM.wake_up
    yield follow_operations(several_processes=False)
    AsyncLLM.sleep, AsyncLLM.wake_up = kept


def engine() -> tuple[Any, EngineCore]:
    client, core = Client.__new__(Client), EngineCore()
    client.engine_core = core  # type: ignore[assignment]
    client.logger_manager = None
    client.renderer = SimpleNamespace(clear_mm_cache_async=_nothing)  # type: ignore[assignment]
    return client, core


def test_sleeps_and_wake_ups_are_timed_and_passed_on(log: OperationLog) -> None:
    """With vLLM's arguments and answers as they were."""
    client, core = engine()

    async def life() -> list[Any]:
        return [
            await client.sleep(level=2, mode="wait"),
            await client.wake_up(["weights"]),
            await client.wake_up(tags=["kv_cache"]),
            await client.sleep(),
            await client.wake_up(),
        ]

    assert asyncio.run(life()) == [None, False, True, None, True]
    assert core.calls == [
        ("sleep", 2, "wait"),
        ("wake_up", ["weights"]),
        ("wake_up", ["kv_cache"]),
        ("sleep", 1, "abort"),
        ("wake_up", None),
    ]
    assert {operation: durations.times for operation, durations in log.totals.items()} == {
        Operation("sleep", 2): 1,
        Operation("wake", 2): 1,
        Operation("sleep", 1): 1,
        Operation("wake", 1): 1,
    }


def test_a_call_that_fails_is_no_wake_up(log: OperationLog) -> None:
    """Its error is vLLM's, and the next one counts by itself."""
    client, core = engine()
    asyncio.run(client.sleep())
    core.fails = True
    with pytest.raises(RuntimeError, match="out of memory"):
        asyncio.run(client.wake_up())
    core.fails = False
    assert Operation("wake", 1) not in log.totals
    asyncio.run(client.wake_up())
    assert log.totals[Operation("wake", 1)].times == 1


def test_a_fault_of_ours_leaves_vllm_alone(log: OperationLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted."""
    client, core = engine()
    monkeypatch.setattr(operations, "_logs", [None])
    before = FAULTS.counts().get("hook", 0)
    asyncio.run(client.sleep())
    assert asyncio.run(client.wake_up()) is True
    assert [call[0] for call in core.calls] == ["sleep", "wake_up"]
    assert FAULTS.counts()["hook"] == before + 2


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("several", [False, True])
def test_a_start_ends_when_the_server_is_about_to_listen(
    builder: str, several: bool, log: OperationLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In either module where vLLM has had it; with several API processes it is as old as their parent."""
    asked: list[Any] = []
    ages = {os.getpid(): 20.0, os.getppid(): 95.0}
    monkeypatch.setattr(operations, "process_age_seconds", ages.get)
    for name in BUILDERS:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))

    async def serve_http(app: Any, sock: Any, **uvicorn: Any) -> str:
        asked.append((app, sock, uvicorn, dict(operations._logs[-1].totals)))
        return "ended"

    sys.modules[builder].serve_http = serve_http  # type: ignore[attr-defined]
    found = follow_operations(several)
    assert asyncio.run(sys.modules[builder].serve_http("app", None, port=1)) == "ended"
    assert asked == [("app", None, {"port": 1}, found.totals)]
    assert found.totals[START].seconds == (95.0 if several else 20.0)
