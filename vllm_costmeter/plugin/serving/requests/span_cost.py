"""The cost of a request on the span that vLLM makes of it.

Where vLLM traces, `OutputProcessor.do_tracing` makes one span for each sequence that ended, all at once, with the
function `instrument_manual` that its module has imported (0.17 to 0.33); the attributes are added to those that it is
given. Names: OpenTelemetry's conventions, as in `outputs/requests/usage_cost.py`. The source is `local`: the server
computed the amount itself, it did not receive it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.outputs.requests.usage_cost import CURRENCY, decimal
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.probe import tell_missing_hook
from vllm_costmeter.plugin.serving.requests.following import TICKET
from vllm_costmeter.plugin.serving.requests.ticket import Ticket
from vllm_costmeter.plugin.wrapping import wrap_once
from vllm_costmeter.sources.vllm.finished import finished_work

Estimate = Callable[[RequestWork, Ticket | None], float | None]

_estimates: list[Estimate] = []
"""Of this process; the newest, if its engine was made again."""
_ended: list[tuple[RequestWork, Ticket | None]] = []
"""The sequence whose span is being made, on vLLM's event loop, and the ticket of its request if it is its only one."""


def add_cost_to_spans(estimate: Estimate) -> None:
    """From now on. On a vLLM without these names, spans stay as they are."""
    _estimates[:] = [estimate]
    module: Any = sys.modules.get("vllm.v1.engine.output_processor")
    processor: Any = getattr(module, "OutputProcessor", None)
    missing = [] if hasattr(processor, "do_tracing") else ["do_tracing"]
    missing += [] if hasattr(module, "instrument_manual") else ["instrument_manual"]
    for name in missing:
        tell_missing_hook(name)
    if not missing:
        wrap_once(processor, "do_tracing", _tracing)
        wrap_once(module, "instrument_manual", _making)


def _tracing(original: Callable[..., None]) -> Callable[..., None]:
    """`do_tracing(engine_core_output, req_state, iteration_stats)`, after the statistics have the sequence."""

    @functools.wraps(original)
    def do_tracing(processor: Any, output: Any, state: Any, stats: Any, *args: Any, **kwargs: Any) -> None:
        try:
            ticket = getattr(state, TICKET, None) if getattr(state, "parent_req", None) is None else None
            _ended[:] = [(finished_work(stats.finished_requests[-1]), ticket)]
        except Exception:  # noqa: BLE001 nothing may reach vLLM's event loop; the count is on /metrics
            FAULTS.add("request")
        original(processor, output, state, stats, *args, **kwargs)

    return do_tracing


def _making(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def instrument_manual(*args: Any, **kwargs: Any) -> Any:
        try:
            if _ended:
                added = _attributes(*_ended.pop())
                kwargs = {**kwargs, "attributes": {**(kwargs.get("attributes") or {}), **added}}
        except Exception:  # noqa: BLE001 as above
            FAULTS.add("request")
        return original(*args, **kwargs)

    return instrument_manual


def _attributes(work: RequestWork, ticket: Ticket | None) -> dict[str, Any]:
    usd = _estimates[-1](work, ticket)
    if usd is None:
        return {}
    return {
        "gen_ai.usage.cost.amount": float(decimal(usd)),
        "gen_ai.usage.cost.currency": CURRENCY,
        "gen_ai.usage.cost.source": "local",
    }
