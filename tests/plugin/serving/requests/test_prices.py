"""A request through our layer: its price is told while it is answered and kept when it ends, however it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from plugin.line_faults import InjectedError, Line, LineFaults
from plugin.serving.requests.answers import CHAT, Message, headers_of, streamed, whole

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.meter.shares.work_pools import NOTHING_PER_POOL, PerPool, RequestRates, Spent
from vllm_costmeter.core.settings.request_settings import RequestPrice
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.metering.request_keeper import RequestKeeper
from vllm_costmeter.outputs.metrics.process_exchange import PublishedRates
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.desk import RequestDesk
from vllm_costmeter.plugin.serving.requests.middleware import RequestMiddleware
from vllm_costmeter.plugin.serving.requests.prices import RequestPrices
from vllm_costmeter.plugin.serving.requests.pricing import PricingMiddleware
from vllm_costmeter.plugin.serving.requests.ticket import CURRENT, Ticket

NONE = RequestRates(NOTHING_PER_POOL)
RATES = RequestRates(PerPool(prefill=Spent(1e-6, 0.1), decode=Spent(2e-6, 0.2)))
WORK = RequestWork(10, 4, 7, ticket=1)

App = Callable[[Any, Any, Callable[[Message], Awaitable[None]]], Awaitable[None]]


class Server:
    """One API process with our layer around an application."""

    def __init__(self, mode: RequestPrice, latest: RequestRates = RATES) -> None:
        self.seconds = 100.0
        self.keeper = RequestKeeper()
        self.keeper.tick(PublishedRates(1.0, NONE, True, True, latest, 0.5))
        self.prices = RequestPrices(
            mode, self.keeper, model="m", engines=1, monotonic_seconds=lambda: self.seconds
        )
        self.desk = RequestDesk(Settings(), bytes, self.prices)
        self._app: list[App] = []
        inner = PricingMiddleware(self._run, self.prices, self.desk.tenant)
        self._layer = RequestMiddleware(inner, self.desk)

    def post(self, app: App) -> list[Message]:
        """What the client gets; an error of the application is its own."""
        came: list[Message] = []

        async def send(message: Message) -> None:
            came.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"{}"}

        scope = {"type": "http", "method": "POST", "path": "/v1/completions", "headers": []}
        self._app.append(app)
        asyncio.run(self._layer(scope, receive, send))  # type: ignore[arg-type]
        return came

    async def _run(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app[-1](scope, receive, send)

    def answering(self, messages: list[Message], *works: RequestWork, lasts: float = 2.0) -> App:
        """An application whose sequences end before it answers, as vLLM's do."""

        async def app(scope: Any, receive: Any, send: Callable[[Message], Awaitable[None]]) -> None:
            self.seconds += lasts
            ticket = CURRENT.get()
            if ticket is not None:
                ticket.ids.append("chatcmpl-1")
                for work in works:
                    try:
                        self.desk.end(ticket, work)
                    except InjectedError:  # as what follows vLLM's sequences does
                        FAULTS.add("request")
            for message in messages:
                await send(message)

        return app


def cost_in(came: list[Message]) -> Any:
    """Of an answer in one piece."""
    return json.loads(came[1]["body"])["usage"].get("cost")


def test_the_sequences_of_a_request_are_summed() -> None:
    """In the answer, and in what is kept; the estimate that is kept is the one that was told."""
    server = Server("both")
    came = server.post(server.answering(whole(), WORK, WORK))
    assert cost_in(came)["amount"] == pytest.approx(48e-6)
    assert headers_of(came[0])["x-costmeter-cost-usd"] == "0.000048"
    kept = server.keeper.find("chatcmpl-1")
    assert kept is not None
    assert (kept.sequences, kept.generated_tokens, kept.estimated_usd) == (2, 14, pytest.approx(48e-6))


def test_the_first_request_of_a_server_is_estimated_by_its_time() -> None:
    """Two seconds of a server at half a dollar a second."""
    server = Server("both", latest=NONE)
    assert cost_in(server.post(server.answering(whole(), WORK)))["amount"] == 1.0


@pytest.mark.parametrize("messages", [whole(), streamed()], ids=["whole", "stream"])
def test_a_recorded_request_is_answered_by_vllm_alone(messages: list[Message]) -> None:
    """`record` does not put anything of ours between it and the client."""
    server = Server("record")
    seen: list[object] = []
    answer = server.answering(messages, WORK)

    async def app(scope: Any, receive: Any, send: Callable[[Message], Awaitable[None]]) -> None:
        seen.append(send)
        await answer(scope, receive, send)

    assert server.post(app) == messages
    assert "PricedAnswer" not in repr(seen)
    assert server.keeper.find("chatcmpl-1") is not None


def test_an_aborted_request_is_kept_even_if_vllm_notices_late() -> None:
    """Its sequence ends after the connection, outside of the request."""
    server = Server("both")
    tickets: list[Ticket | None] = []

    async def hung_up(scope: Any, receive: Any, send: Any) -> None:
        tickets.append(CURRENT.get())
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        server.post(hung_up)
    (ticket,) = tickets
    assert ticket is not None
    ticket.ids.append("chatcmpl-9")
    assert server.keeper.find("chatcmpl-9") is None
    server.desk.end(ticket, WORK._replace(outcome=1))
    kept = server.keeper.find("chatcmpl-9")
    assert kept is not None
    assert kept.outcome == "aborted"


def test_thousands_of_sequences_that_end_late_are_each_added_once() -> None:
    """A client that hangs up on a batch of embeddings: what ended before is not summed again for each."""
    server, ticket = Server("record"), Ticket(7)
    ticket.ids.append("embd-1-0")
    server.prices.begin(ticket, None)  # type: ignore[arg-type]
    server.desk.end(ticket, WORK)
    server.prices.end(ticket, server.desk.tenant)

    class ReadOnce(list[RequestWork]):
        """What has been kept of it is enough."""

        def __iter__(self) -> Any:
            raise AssertionError("summed again")

    ticket.works = ReadOnce(ticket.works)
    for outcome in (1, 0, 0):
        server.desk.end(ticket, WORK._replace(outcome=outcome))
    kept = server.keeper.find("embd-1")
    assert kept is not None
    assert (kept.sequences, kept.outcome, kept.generated_tokens) == (4, "aborted", 28)
    assert (kept.prompt_computed_tokens, kept.prompt_cached_tokens) == (40, 16)
    assert kept.estimated_usd == pytest.approx(4 * 24e-6)


def test_ids_that_are_kept_are_few_and_short() -> None:
    """Clients choose them: 32,768 requests of a header of 8 KB would be a quarter of a gigabyte."""
    server, ticket = Server("record"), Ticket(7)
    for request_id in ("x" * 8192, *(f"embd-1-{at}" for at in range(2_000))):
        server.desk.admit(ticket, SimpleNamespace(lora_name=None, external_req_id=request_id))
    assert ticket.ids == [f"embd-1-{at}" for at in range(4)]


def test_a_request_without_sequences_leaves_nothing() -> None:
    """Refused by vLLM, or one that needs no engine; its share of the time ends with it."""
    server = Server("both", latest=NONE)
    refused = whole(b'{"error":{}}', status=400)
    assert server.post(server.answering(refused, lasts=5.0)) == refused
    assert server.keeper.find("chatcmpl-1") is None
    assert cost_in(server.post(server.answering(whole(), WORK)))["amount"] == 1.0


def test_an_adapter_is_the_model_of_its_requests() -> None:
    """As in vLLM's answers."""
    server = Server("both")
    answer = server.answering(whole(), WORK)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        ticket = CURRENT.get()
        assert ticket is not None
        ticket.adapter = "sql-lora"
        await answer(scope, receive, send)

    server.post(app)
    kept = server.keeper.find("chatcmpl-1")
    assert kept is not None
    assert kept.model == "sql-lora"


def test_an_answer_is_untouched_without_a_price() -> None:
    """No rates were published yet."""
    server = Server("both")
    server.keeper.tick(None)
    assert server.post(server.answering(whole(), WORK))[1]["body"] == CHAT


ON_THE_LOOP = (
    "requests/middleware.py",
    "requests/pricing.py",
    "requests/desk.py",
    "requests/prices.py",
    "requests/priced_answer.py",
    "metering/request_keeper.py",
    "core/requests/",
    "shares/latest_rates.py",
)
NOT_OURS = ("await self._app(", "self._send", "for each in messages", "await self._receive(")
"""Calls of vLLM's or the server's own: an error there is theirs."""


@pytest.mark.parametrize("messages", [whole(), streamed()], ids=["whole", "stream"])
def test_a_fault_at_any_line_of_a_request_leaves_its_answer(messages: list[Message]) -> None:
    """As vLLM wrote it or with the price; the fault is counted once."""

    def lived(at: Line | None) -> tuple[list[Message], LineFaults]:
        server, faults = Server("both"), LineFaults(ON_THE_LOOP, at)
        app = server.answering(messages, WORK)
        with faults.watching():
            return server.post(app), faults

    priced, healthy = lived(None)
    walked = 0
    for line in healthy.reached:
        text = Path(line[0]).read_text().splitlines()[line[1] - 1]
        if any(each in text for each in NOT_OURS):
            continue
        counted = FAULTS.counts().get("request", 0)
        came, faults = lived(line)
        if faults.fired:
            walked += 1
            assert came in (messages, priced), f"{line}: {text}"
            assert FAULTS.counts()["request"] == counted + 1, f"{line}: {text}"
    assert walked > 60
