"""What follows one HTTP request through vLLM."""

from __future__ import annotations

from contextvars import ContextVar

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.requests.ended import EndedRequest


class Ticket:
    """Made by the middleware; in the context of everything that the request does, so that the sequences it hands to
    the engine (several with `n > 1`, several prompts, a batch) find it, however they are named."""

    __slots__ = ("adapter", "begun", "ended", "estimate", "identities", "ids", "is_over", "number", "works")

    def __init__(self, number: int) -> None:
        self.number = number
        """Unlike any other in this process, above 0."""
        self.identities: dict[str, str] = {}
        """The tenant's normalised name by each source that names one."""
        self.ids: list[str] = []
        """vLLM's ids of the first sequences of the request, as its answers show them; without repetition."""
        self.works: list[RequestWork] = []
        """Its sequences that ended, in that order; all of them before the last byte of the answer. Empty if prices of
        requests are off."""
        self.adapter: str | None = None
        """The LoRA adapter that it asks for."""
        self.begun: float | None = None
        """The reading of the shared time when it began; None if its price is not kept."""
        self.estimate: tuple[int, float] | None = None
        """What was told of its cost: of how many sequences, and dollars."""
        self.ended: EndedRequest | None = None
        """What was kept of it last."""
        self.is_over = False
        """vLLM has finished with it; a sequence of an aborted request can end later."""


CURRENT: ContextVar[Ticket | None] = ContextVar("costmeter_ticket", default=None)
"""The ticket of the request that runs here; None outside of one."""
