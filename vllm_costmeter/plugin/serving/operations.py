"""How long this server took to start, to fall asleep and to wake up, measured around vLLM's own calls."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from vllm_costmeter.core.meter.operations import OperationLog
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.probe import tell_missing_hook
from vllm_costmeter.plugin.serving.requests.attaching import BUILDERS
from vllm_costmeter.plugin.wrapping import wrap_once
from vllm_costmeter.sources.files.process_age import process_age_seconds

_logs: list[OperationLog] = []
_servers: list[int] = []

Call = Callable[..., Any]


def follow_operations(several_processes: bool) -> OperationLog:
    """Measure from now on. On a vLLM that lacks one of the calls that time is not known, with one log line.

    The start is from the creation of the `vllm serve` process, which with several API processes is their parent, until
    its HTTP server begins to listen. What serves in another way (Ray Serve, gRPC, a program of its own) may be much
    younger than its process, so its start is not known.
    """
    log = OperationLog({})
    _logs[:] = [log]
    _servers[:] = [os.getppid() if several_processes else os.getpid()]
    _tell(_wrap_calls)
    return log


def _wrap_calls() -> None:
    engine = getattr(sys.modules.get("vllm.v1.engine.async_llm"), "AsyncLLM", None)
    _wrap(engine, "sleep", _telling_of_sleep)
    _wrap(engine, "wake_up", _telling_of_waking)
    for module in BUILDERS:  # of which a release has one
        loaded = sys.modules.get(module)
        if hasattr(loaded, "serve_http") or module == BUILDERS[-1]:
            _wrap(loaded, "serve_http", _telling_of_the_start)


def _wrap(owner: Any, name: str, telling: Callable[[Call], Call]) -> None:
    if owner is None:
        return  # vLLM has not loaded it in this process
    if not hasattr(owner, name):
        tell_missing_hook(name)
        return
    wrap_once(owner, name, telling)


def _telling_of_the_start(serve_http: Call) -> Call:
    """Awaited when the application is complete (entrypoints/launcher.py, since 0.29 entrypoints/launchers/launcher.py):
    what follows is uvicorn's own start, a few milliseconds."""

    @functools.wraps(serve_http)
    async def served(*args: Any, **kwargs: Any) -> Any:
        _tell(_note_start)
        return await serve_http(*args, **kwargs)

    return served


def _telling_of_sleep(sleep: Call) -> Call:
    """`AsyncLLM.sleep(level=1, mode="abort")` (0.17 to 0.33) returns when the memory is free."""

    @functools.wraps(sleep)
    async def slept(engine: Any, level: int = 1, *args: Any, **kwargs: Any) -> Any:
        began = time.monotonic()
        answer = await sleep(engine, level, *args, **kwargs)
        _tell(lambda: _logs[-1].slept(level, time.monotonic() - began))
        return answer

    return slept


def _telling_of_waking(wake_up: Call) -> Call:
    """`AsyncLLM.wake_up(tags=None)` (0.17 to 0.33) returns when that memory is back; since 0.31 whether all is."""

    @functools.wraps(wake_up)
    async def woke(engine: Any, tags: list[str] | None = None, *args: Any, **kwargs: Any) -> Any:
        began = time.monotonic()
        answer = await wake_up(engine, tags, *args, **kwargs)
        fully = answer if isinstance(answer, bool) else None
        _tell(lambda: _logs[-1].woke(began, time.monotonic(), tags, fully))
        return answer

    return woke


def _note_start() -> None:
    age = process_age_seconds(_servers[-1])
    if age is not None:
        _logs[-1].started(age)


def _tell(note: Callable[[], None]) -> None:
    try:
        note()
    except Exception:  # noqa: BLE001 nothing may reach vLLM's event loop; the count is on /metrics
        FAULTS.add("hook")
