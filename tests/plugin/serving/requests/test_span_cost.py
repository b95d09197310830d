"""vLLM's own spans, through OpenTelemetry's SDK, have the cost of their requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from plugin.line_faults import LineFaults
from vllm.tracing import otel
from vllm.v1.engine import FinishReason, output_processor
from vllm.v1.engine.output_processor import OutputProcessor
from vllm.v1.metrics.stats import FinishedRequestStats, IterationStats, RequestStateStats

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.following import TICKET
from vllm_costmeter.plugin.serving.requests.span_cost import add_cost_to_spans
from vllm_costmeter.plugin.serving.requests.ticket import Ticket

COST = "gen_ai.usage.cost."


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What vLLM's tracer exports."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    stand_in = SimpleNamespace(get_tracer=provider.get_tracer, get_current_span=trace.get_current_span)
    monkeypatch.setattr(otel, "trace", stand_in)
    return exporter


@pytest.fixture(autouse=True)
def vllm_as_it_was() -> Iterator[None]:
    """Without our layers afterwards."""
    before = OutputProcessor.do_tracing, output_processor.instrument_manual
    yield
    OutputProcessor.do_tracing, output_processor.instrument_manual = before  # type: ignore[method-assign]


def end(generated: int = 7, parent: object = None) -> Ticket:
    """One sequence ends, and vLLM makes its span."""
    ticket = Ticket(1)
    stats = IterationStats()
    finished = FinishedRequestStats(FinishReason.STOP)
    finished.num_prompt_tokens, finished.num_cached_tokens, finished.num_generation_tokens = 10, 4, generated
    stats.finished_requests.append(finished)
    state: Any = SimpleNamespace(
        stats=RequestStateStats(arrival_time=1.0),
        prompt_token_ids=[1] * 10,
        prompt_embeds=None,
        external_req_id="chatcmpl-1",
        top_p=None,
        max_tokens_param=5,
        temperature=None,
        n=1,
        parent_req=parent,
        **{TICKET: ticket},
    )
    output: Any = SimpleNamespace(trace_headers=None)
    processor: Any = SimpleNamespace()
    OutputProcessor.do_tracing(processor, output, state, stats)
    return ticket


def attributes(spans: InMemorySpanExporter) -> dict[str, Any]:
    """Of the last span."""
    return dict(spans.get_finished_spans()[-1].attributes or {})


def test_a_span_has_amount_currency_and_source(spans: InMemorySpanExporter) -> None:
    """Beside all that vLLM puts there; the amount is a double, and it is the server that computed it."""
    end()
    plain = attributes(spans)
    asked: list[tuple[RequestWork, Ticket | None]] = []

    def estimate(work: RequestWork, ticket: Ticket | None) -> float:
        asked.append((work, ticket))
        return 1.5e-5

    add_cost_to_spans(estimate)
    add_cost_to_spans(estimate)
    ticket = end()
    found = attributes(spans)
    cost = {name: found.pop(name) for name in list(found) if name.startswith(COST)}
    assert cost == {COST + "amount": 1.5e-5, COST + "currency": "USD", COST + "source": "local"}
    assert isinstance(cost[COST + "amount"], float)
    assert found.keys() == plain.keys()
    assert asked == [(RequestWork(6, 4, 7), ticket)]
    end(parent=object())
    assert asked[-1][1] is None


def test_a_span_without_a_price_is_as_vllm_makes_it(spans: InMemorySpanExporter) -> None:
    """Absent, never zero."""
    add_cost_to_spans(lambda work, ticket: None)
    end()
    assert not [name for name in attributes(spans) if name.startswith(COST)]


def test_a_fault_leaves_the_span_as_it_is(spans: InMemorySpanExporter) -> None:
    """And is counted."""

    def fail(work: RequestWork, ticket: Ticket | None) -> float:
        raise RuntimeError

    add_cost_to_spans(fail)
    before = FAULTS.counts().get("request", 0)
    end()
    assert attributes(spans)["gen_ai.request.id"] == "chatcmpl-1"
    assert FAULTS.counts()["request"] == before + 1


def test_other_spans_are_left_alone(spans: InMemorySpanExporter) -> None:
    """What vLLM makes by the same function outside of a request's end."""
    add_cost_to_spans(lambda work, ticket: 1.0)
    end()
    output_processor.instrument_manual("other", start_time=1, attributes={"a": 1})
    assert attributes(spans) == {"a": 1}


def test_a_fault_at_any_line_leaves_the_span_as_it_is(spans: InMemorySpanExporter) -> None:
    """Or with its cost; never lost, and counted once. What calls vLLM's own functions is not ours to guard."""
    add_cost_to_spans(lambda work, ticket: 1.0)
    healthy = LineFaults(("requests/span_cost.py",))
    with healthy.watching():
        end()
    walked = 0
    for line in healthy.reached:
        if "original(" in Path(line[0]).read_text().splitlines()[line[1] - 1]:
            continue
        faults, counted = LineFaults(("requests/span_cost.py",), line), FAULTS.counts().get("request", 0)
        spans.clear()
        with faults.watching():
            end()
        assert attributes(spans)["gen_ai.request.id"] == "chatcmpl-1"
        if faults.fired:
            walked += 1
            assert FAULTS.counts()["request"] == counted + 1, line
    assert walked >= 7
