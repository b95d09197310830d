"""Requests that clients abort, which vLLM's statistics leave out: read from its output processor as it drops them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.probe import tell_missing_hook
from vllm_costmeter.plugin.serving.requests.following import tell_abort
from vllm_costmeter.plugin.wrapping import wrap_once

if TYPE_CHECKING:
    from vllm_costmeter.sources.vllm.step_stats import StepRecorder

_recorders: list[StepRecorder] = []
"""The recorder that counts them; one API process has one output processor for all its engines."""


def follow_aborts(recorder: StepRecorder) -> None:
    """Count requests that are aborted from now on in `recorder`. On a vLLM without this method they stay uncounted
    (their cost is then unattributed), with one log line."""
    _recorders[:] = [recorder]
    try:
        from vllm.v1.engine.output_processor import OutputProcessor

        wrap_once(OutputProcessor, "abort_requests", _following)
    except (ImportError, AttributeError):
        tell_missing_hook("abort_requests")


def _following(original: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """`abort_requests` (vLLM 0.17 to 0.33: returns the ids of the requests it removed from `request_states`)."""
    outer = True

    @functools.wraps(original)
    def abort_requests(processor: Any, request_ids: Iterable[str], *args: Any, **kwargs: Any) -> list[str]:
        nonlocal outer
        if not outer:  # it calls itself for the sequences of a request with n > 1, and returns them too
            return original(processor, request_ids, *args, **kwargs)
        outer = False
        try:
            states = _states(processor)
            aborted = original(processor, request_ids, *args, **kwargs)
        finally:
            outer = True
        _count(states, aborted)
        return aborted

    return abort_requests


def _states(processor: Any) -> dict[str, Any]:
    try:
        return dict(processor.request_states)
    except Exception:  # noqa: BLE001 nothing may reach vLLM's event loop; the count is on /metrics
        FAULTS.add("hook")
        return {}


def _count(states: dict[str, Any], aborted: Iterable[str]) -> None:
    try:
        for request_id in aborted:
            if request_id in states:
                _recorders[-1].add_abort(states[request_id])
                tell_abort(states[request_id])
    except Exception:  # noqa: BLE001 as above
        FAULTS.add("hook")
