"""Requests on their way through vLLM's own output processor: each finds its tenant."""

from __future__ import annotations

import asyncio
import linecache
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from plugin.line_faults import LineFaults

pytest.importorskip("vllm")

from plugin.serving.requests.request_life import Processed, json_body, vllm_as_it_was

from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests import following
from vllm_costmeter.plugin.serving.requests.ticket import CURRENT, Ticket

VLLMS = ("await self._app(", "await self._receive()", "original(processor")
"""Calls of vLLM and its server: what they raise is theirs."""


@pytest.fixture(autouse=True)
def unwrapped() -> Iterator[None]:
    """vLLM as it was, after each test."""
    with vllm_as_it_was():
        yield


def test_every_sequence_of_a_request_is_its_tenants() -> None:
    """Two of them (n = 2), in tasks of their own; a request outside of HTTP and one without a name are untagged."""
    process = Processed(tenant_from=("header",))
    admitted: list[str] = []
    tickets: list[Ticket | None] = []

    async def work() -> None:
        async def sequence() -> None:
            admitted.append(process.admit("cmpl-1"))

        await asyncio.gather(sequence(), sequence())
        tickets.append(CURRENT.get())
        process.finish(*admitted)

    process.post(work, x_costmeter_tenant="team a")
    process.finish(process.admit("internal"))
    assert process.ended() == [("team a", (10, 0, 5, 0))] * 2 + [("untagged", (10, 0, 5, 0))]
    (ticket,) = tickets
    assert ticket is not None
    assert (ticket.ids, [work.ticket for work in ticket.works]) == (["cmpl-1"], [ticket.number] * 2)
    assert CURRENT.get() is None


def test_two_requests_with_the_same_id_are_two() -> None:
    """Clients choose a part of vLLM's ids (X-Request-Id): at the same moment, each is charged to its own tenant."""
    process = Processed(tenant_from=("header",))

    async def both() -> None:
        admitted: list[str] = []
        gate = asyncio.Event()

        async def work() -> None:
            admitted.append(process.admit("cmpl-same", prompt=10 * (len(admitted) + 1)))
            if len(admitted) == 2:
                process.finish(*reversed(admitted))
                gate.set()
            await gate.wait()

        await asyncio.gather(*(process.posting(work, x_costmeter_tenant=name) for name in ("a", "b")))

    asyncio.run(both())
    assert process.ended() == [("b", (20, 0, 5, 0)), ("a", (10, 0, 5, 0))]


def test_an_aborted_request_is_its_tenants() -> None:
    """With the work it did; its ticket learns of it too."""
    process = Processed(tenant_from=("header",))
    tickets: list[Any] = []

    async def work() -> None:
        process.admit("cmpl-1", prompt=7)
        tickets.append(CURRENT.get())
        process.processor.abort_requests(["cmpl-1"], internal=False)

    process.post(work, x_costmeter_tenant="a")
    assert process.ended() == [("a", (7, 0, 0, 1))]
    assert [work[:4] for work in tickets[0].works] == [(7, 0, 0, 1)]


@pytest.mark.parametrize(
    ("sources", "tenant"),
    [
        (("header", "user"), "from header"),
        (("user", "header"), "from user"),
        (("adapter", "header"), "german"),
        (("header", "adapter"), "from header"),
    ],
)
def test_the_first_source_that_names_somebody_decides(sources: tuple[Any, ...], tenant: str) -> None:
    """In the order of the setting; the body arrives at vLLM as it was."""
    process = Processed(tenant_from=sources)

    async def work() -> None:
        process.finish(process.admit("cmpl-1", adapter="german"))

    body = json_body(user="from user")
    assert process.post(work, body, x_costmeter_tenant="from header") == b"".join(body)
    assert process.ended()[0][0] == tenant


def test_nobody_is_charged_for_another_by_a_header_when_the_key_decides() -> None:
    """The header is not looked at; without a key a request is untagged, with one it is the key's."""
    process = Processed(tenant_from=("key",))

    async def work() -> None:
        process.finish(process.admit("cmpl-1"))

    process.post(work, authorization="Bearer sk-1", x_costmeter_tenant="victim")
    process.post(work, x_costmeter_tenant="victim")
    process.post(work, json_body(user="victim"))
    own, *others = (tenant for tenant, _ in process.ended())
    assert own.startswith("key:")
    assert others == ["untagged"] * 2


def test_a_header_of_an_untrusted_peer_or_a_keys_digest_names_nobody_else() -> None:
    """A name that looks like another's digest is kept as another name."""
    process = Processed(tenant_from=("key", "header"))

    async def work() -> None:
        process.finish(process.admit("cmpl-1"))

    process.post(work, client="203.0.113.9", x_costmeter_tenant="victim")
    process.post(work, authorization="Bearer sk-1")
    victim = process.ended()[-1][0]
    process.post(work, x_costmeter_tenant=victim)
    assert process.ended() == [(victim.replace(":", "_"), (10, 0, 5, 0))]


def test_a_vllm_that_tells_nothing_of_an_end_marks_nobody_else() -> None:
    """The last that finished in a step is another's: it keeps its own mark."""
    process = Processed(tenant_from=("header",))
    kept = SimpleNamespace(costmeter_mark=(7, 7))
    stats = SimpleNamespace(finished_requests=[kept])

    async def work() -> None:
        state = process.processor.request_states[process.admit("cmpl-1")]
        silent = following._ending(lambda processor, state, reason, stats: None)
        silent(process.processor, state, None, stats)

    process.post(work, x_costmeter_tenant="a")
    assert kept.costmeter_mark == (7, 7)


def test_a_hundred_thousand_tenants_are_a_hundred_and_other() -> None:
    """Nothing grows with the number of names."""
    process = Processed(tenant_from=("header",), tenant_limit=100)
    scope = {"type": "http", "client": None}
    for at in range(100_000):
        ticket = process.desk.open(scope | {"headers": [(b"x-costmeter-tenant", b"t%d" % at)]})
        process.desk.numbers.of(process.desk.tenant(ticket))
    assert process.desk.numbers.name(102) == "other"
    assert process.desk.numbers.name(101) == "t99"


def test_no_line_of_ours_harms_a_request() -> None:
    """Each line of the running path fails once, in a life of its own: the answer is the same, nothing leaves, the fault
    is counted, and the tokens are too."""
    parts = (
        "vllm_costmeter/plugin/serving/requests/",
        "vllm_costmeter/sources/vllm/",
        "vllm_costmeter/core/tenants/",
    )

    def life(at: tuple[str, int] | None) -> LineFaults:
        process = Processed(tenant_from=("key", "header", "user", "adapter"))
        faults = LineFaults(parts, at)
        before = sum(FAULTS.counts().values())
        body = json_body(user="bob")

        async def work() -> None:
            process.finish(process.admit("cmpl-1", adapter="german"))
            process.admit("cmpl-2")
            process.processor.abort_requests(["cmpl-2"], internal=False)

        with faults.watching():
            answer = process.post(work, body)
        assert answer == b"".join(body), at
        if at is not None and faults.fired:
            assert sum(FAULTS.counts().values()) == before + 1, at
            assert (
                process.recorder.counts.finished_requests + process.recorder.counts.aborted_requests >= 1
            ), at
        return faults

    walked = 0
    for line in life(None).reached:
        if not any(call in linecache.getline(*line) for call in VLLMS):
            with vllm_as_it_was():
                walked += life(line).fired
    assert walked > 60
