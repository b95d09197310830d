"""One run of a load test, whichever tool measured it."""

from __future__ import annotations

from typing import Literal

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError

Per = Literal["generated", "all"]
"""Which tokens a price is divided by: those generated, or prompt tokens too."""


@dataclass(frozen=True, slots=True)
class BenchRun:
    """Rates of the whole deployment over one run under one load. None: the tool's file does not say."""

    place: str
    """The file, and which of its runs."""
    tool: str
    load: str
    """What the tool asked of the server, in words: runs under the same load have the same text."""
    total_tokens_per_second: float
    """Prompt tokens and generated tokens."""
    generated_tokens_per_second: float | None
    """None for a pooling model, which generates none."""
    requests_per_second: float
    seconds: float | None = None
    completed: int = 0
    failed: int = 0
    offered_requests_per_second: float | None = None
    """The arrival rate that the tool was told; None: as fast as the server answers."""
    model: str | None = None
    prompt_tokens_per_request: float | None = None
    output_tokens_per_request: float | None = None
    concurrency: float | None = None
    """Requests at once, if the tool kept a number of them; None: a rate, or not stated."""

    def tokens_per_second(self, per: Per) -> float:
        """The rate of the tokens that count. BadInputError if the run generated none."""
        if per == "all":
            return self.total_tokens_per_second
        if self.generated_tokens_per_second is None:
            raise BadInputError(f"{self.place} generated no tokens, as a pooling model does: give --per all")
        return self.generated_tokens_per_second

    @property
    def failed_share(self) -> float:
        """Share of the requests that failed."""
        return self.failed / max(self.completed + self.failed, 1)

    @property
    def keeps_up(self) -> bool:
        """Whether the server answered about as fast as requests arrived: the load then sets the rate."""
        offered = self.offered_requests_per_second
        return offered is not None and self.requests_per_second >= KEEPS_UP_SHARE * offered

    @property
    def measured(self) -> tuple[float | None, ...]:
        """What tells one run from another: no two runs measure the same to the last digit."""
        rates = (self.total_tokens_per_second, self.generated_tokens_per_second, self.requests_per_second)
        return (*rates, self.seconds)


KEEPS_UP_SHARE = 0.9
"""A run at a fixed arrival rate ends with requests still being answered, so that a server which keeps up shows a
little less than the rate offered: 0.90 to 0.99 of it in runs of 20 to 200 requests."""
