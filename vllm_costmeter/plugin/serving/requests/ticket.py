"""What follows one HTTP request through vLLM."""

from __future__ import annotations

from contextvars import ContextVar

from vllm_costmeter.core.meter.shares.request_work import RequestWork


class Ticket:
    """Made by the middleware; in the context of everything that the request does, so that the sequences it hands to
    the engine (several with `n > 1`, several prompts, a batch) find it, however they are named."""

    __slots__ = ("identities", "ids", "number", "works")

    def __init__(self, number: int) -> None:
        self.number = number
        """Unlike any other in this process, above 0."""
        self.identities: dict[str, str] = {}
        """The tenant's normalised name by each source that names one."""
        self.ids: list[str] = []
        """vLLM's ids of the request, as its answers show them; without repetition."""
        self.works: list[RequestWork] = []
        """Its sequences that ended, in that order; all of them before the last byte of the answer."""


CURRENT: ContextVar[Ticket | None] = ContextVar("costmeter_ticket", default=None)
"""The ticket of the request that runs here; None outside of one."""
