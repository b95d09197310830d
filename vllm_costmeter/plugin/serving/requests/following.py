"""Sequences in vLLM's output processor, joined to the HTTP requests that they belong to.

vLLM's own id of a request (`FinishedRequestStats.request_id`, since 0.20) is not what joins them: clients choose a part
of it (X-Request-Id), so two requests can have the same. The ticket is found by the context in which vLLM admits a
sequence, and stays with the state that vLLM keeps of it until it ends.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.probe import tell_missing_hook
from vllm_costmeter.plugin.serving.requests.desk import RequestDesk
from vllm_costmeter.plugin.serving.requests.ticket import CURRENT, Ticket
from vllm_costmeter.plugin.wrapping import wrap_once
from vllm_costmeter.sources.vllm.finished import MARK, aborted_work, finished_work

_desks: list[RequestDesk] = []
"""The desk of this process; the newest, if its engine was made again."""
TICKET = "costmeter_ticket"
"""The attribute of a RequestState that holds its ticket."""


def follow_requests(desk: RequestDesk) -> None:
    """From now on, sequences find their tickets at `desk`. On a vLLM without these methods all are untagged."""
    _desks[:] = [desk]
    try:
        from vllm.v1.engine.output_processor import OutputProcessor
    except ImportError:
        tell_missing_hook("add_request")
        return
    for name, wrap in (("add_request", _admitting), ("_update_stats_from_finished", _ending)):
        if not hasattr(OutputProcessor, name):
            tell_missing_hook(name)
        else:
            wrap_once(OutputProcessor, name, wrap)


def tell_abort(state: Any) -> None:
    """A sequence was aborted: its ticket learns of its work."""
    ticket = getattr(state, TICKET, None)
    if ticket is not None:
        _desks[-1].end(ticket, aborted_work(state))


def _admitting(original: Callable[..., None]) -> Callable[..., None]:
    """`add_request(request, prompt, parent_req, request_index, queue)`, vLLM 0.17 to 0.33."""

    @functools.wraps(original)
    def add_request(processor: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        original(processor, request, *args, **kwargs)
        try:
            state = processor.request_states.get(request.request_id)
            if state is not None and not hasattr(state, MARK):
                ticket: Ticket | None = CURRENT.get()
                setattr(state, MARK, _desks[-1].admit(ticket, state))
                setattr(state, TICKET, ticket)
        except Exception:  # noqa: BLE001 nothing may reach vLLM's event loop; the count is on /metrics
            FAULTS.add("request")

    return add_request


def _finished(stats: Any) -> int:
    """How many have finished in this step: the last is this one only if vLLM has added one."""
    return len(getattr(stats, "finished_requests", ()))


def _ending(original: Callable[..., None]) -> Callable[..., None]:
    """`_update_stats_from_finished(req_state, finish_reason, iteration_stats)`, vLLM 0.17 to 0.33: appends to
    `iteration_stats.finished_requests`, before the answer is written."""

    @functools.wraps(original)
    def update(processor: Any, state: Any, reason: Any, stats: Any, *args: Any, **kwargs: Any) -> None:
        before = 0
        try:
            before = _finished(stats)
        except Exception:  # noqa: BLE001 as above
            FAULTS.add("request")
        original(processor, state, reason, stats, *args, **kwargs)
        try:
            mark = getattr(state, MARK, None)
            if mark is None or _finished(stats) == before:
                return
            finished = stats.finished_requests[-1]
            setattr(finished, MARK, mark)
            ticket = getattr(state, TICKET, None)
            if ticket is not None:
                _desks[-1].end(ticket, finished_work(finished))
        except Exception:  # noqa: BLE001 as above
            FAULTS.add("request")

    return update
