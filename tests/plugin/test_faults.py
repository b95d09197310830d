"""A fault at any line of the plugin's running path stays inside, is counted, and is over in the next second."""

from __future__ import annotations

import gc
import linecache
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from plugin.hooked_server import LAST_TOKENS, HookedServer, OneThread
from plugin.line_faults import Line, LineFaults

RUNNING_PATH = (
    "vllm_costmeter/plugin/",
    "vllm_costmeter/sources/vllm/",
    "vllm_costmeter/outputs/",
    "vllm_costmeter/core/meter/",
)
"""Where vLLM's event loop, a scrape and the sampler's thread pass; the libraries of others and what only a start reads
(catalogue, model shapes) are represented by the lines that call them."""

THEIRS = (
    "await self._app(",
    "self._send",
    "self._receive()",
    "for each in messages",
    "for message in refused",
    "await send(",
)
"""Lines that call what vLLM or its web server gave us: a fault there is theirs."""
Parts = tuple[str, ...]
Make = Callable[[], HookedServer]


def lived(make: Make, thread: OneThread, parts: Parts, at: Line | None) -> tuple[HookedServer, LineFaults]:
    """A server's life with a fault at that line, and what was reached."""
    server, faults = make(), LineFaults(parts, at)
    with faults.watching():
        server.run(thread)
    server.clean_up()
    return server, faults


@contextmanager
def unheard() -> Iterator[None]:
    """pytest keeps every record, with the frames of its error and all that they hold, to the end of the test."""
    log = logging.getLogger("vllm.costmeter")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "propagate", False)
        patch.setattr(log, "handlers", [logging.NullHandler()])
        yield


@unheard()
def walk(make: Make, thread: OneThread, parts: Parts = RUNNING_PATH) -> int:
    """Every line that a healthy life reaches fails once, each in a life of its own; returns how many there are."""
    healthy, reached = lived(make, thread, parts, None)
    assert (healthy.escaped, healthy.ended) == ([], True)
    assert healthy.after["costmeter_tokens_totalgenerated"] == 19
    errors = healthy.after["costmeter_errors_total"]
    walked, harmed = 0, []
    for line, function in reached.reached.items():
        if any(call in linecache.getline(*line) for call in THEIRS):
            continue
        server, faults = lived(make, thread, parts, line)
        if not faults.fired:
            continue
        walked += 1
        if not walked % 20:
            gc.collect()  # a life takes 12 MiB, and is a circle
        where = f"{Path(line[0]).name}:{line[1]} in {function}"
        harmed += [f"{where}: {harm}" for harm in harms(server, errors)]
        errors = server.after.get("costmeter_errors_total", errors)
    assert harmed == []
    return walked


def harms(server: HookedServer, errors: float) -> Iterator[str]:
    """What a fault did beyond being counted, one more than `errors`."""
    if server.escaped:
        yield f"{server.escaped} left the plugin"
    counted = server.after.get("costmeter_errors_total", 0) - errors
    if counted != 1:
        yield f"it was counted {counted} times"
    if server.after.keys() <= {"costmeter_errors_total"}:
        return  # it could not start
    if not server.ended:
        yield "the sampler ended"
    added = {name: value - server.before.get(name, 0.0) for name, value in server.after.items()}
    if added.get("costmeter_tokens_totalgenerated") != LAST_TOKENS:
        yield "the last tokens were not counted"
    if not added.get("costmeter_cost_usd_total", 0.0) > 0:
        yield "the last second was not charged"


def test_no_line_of_the_hook_harms_serving(logger_class: type, model: Path, thread: OneThread) -> None:
    """The plugin's own files and what reads vLLM's statistics: nothing leaves the hook, the fault is on the page, the
    next second counts."""
    own = ("vllm_costmeter/plugin/", "vllm_costmeter/sources/vllm/")
    assert walk(lambda: HookedServer(logger_class, model, None), thread, own) > 100


@pytest.mark.heavy
def test_no_line_of_one_process_harms_serving(logger_class: type, model: Path, thread: OneThread) -> None:
    """One API server process, from the hook through meter and exposition to the scrape: about 700 lines."""
    assert walk(lambda: HookedServer(logger_class, model, None), thread) > 300


@pytest.mark.heavy
def test_no_line_of_the_first_of_two_processes_harms_serving(
    logger_class: type, model: Path, thread: OneThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that charges, with its metrics in files: about 770 lines."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert walk(lambda: HookedServer(logger_class, model, tmp_path), thread) > 300


def test_no_line_of_request_prices_harms_serving(
    logger_class: type, model: Path, thread: OneThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is opened at the start and done each second for the price of single requests."""
    monkeypatch.setenv("COSTMETER_REQUEST_PRICE", "both")
    parts = ("plugin/serving/requests/", "metering/request_keeper", "core/requests/")
    assert walk(lambda: HookedServer(logger_class, model, None), thread, parts) > 20
