"""One HTTP request that ended, and what it was charged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vllm_costmeter.core.meter.outcome import OUTCOMES, Outcome
from vllm_costmeter.core.meter.shares.request_work import RequestWork

MOST_IDS = 4
"""Of a request with more sequences (a batch of embeddings), the first are kept."""
LONGEST_ID = 512
"""Characters. Clients choose a part of an id (X-Request-Id): a request cannot be found by a longer one."""
FIRST = ("-0", "_0")
"""End vLLM's id of the first prompt of a completion or embedding, and of the first turn of a response or prompt of a
chat; the answer's id is what stands before (0.17 to 0.33)."""


class EndedRequest(NamedTuple):
    """All sequences of it together: several prompts, `n` above 1."""

    number: int
    """Unlike any other of its API process."""
    ids: tuple[str, ...]
    """vLLM's, as answers show them."""
    ended_unix_seconds: float
    model: str
    tenant: str
    """Empty if it names none."""
    sequences: int
    outcome: Outcome
    """Of its sequences, the one that went worst."""
    prompt_computed_tokens: int
    prompt_cached_tokens: int
    generated_tokens: int
    estimated_usd: float | None
    """As said when it ended; None if that was not known."""
    usd: float = 0.0
    joules: float = 0.0
    charged_sequences: int = 0
    has_price: bool = False
    has_energy: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether each of its sequences was charged."""
        return self.charged_sequences >= self.sequences

    @property
    def names(self) -> tuple[str, ...]:
        """The ids under which it is found."""
        first = self.ids[0] if self.ids else ""
        return (*self.ids, first[:-2]) if first.endswith(FIRST) else self.ids


def ended(
    number: int,
    ids: Sequence[str],
    works: Sequence[RequestWork],
    *,
    ended_unix_seconds: float,
    model: str,
    tenant: str,
    estimated_usd: float | None,
) -> EndedRequest:
    """A request with these sequences, at least one."""
    return EndedRequest(
        number,
        tuple(ids[:MOST_IDS]),
        ended_unix_seconds,
        model,
        tenant,
        len(works),
        OUTCOMES[max(work.outcome for work in works)],
        sum(work.prompt_computed_tokens for work in works),
        sum(work.prompt_cached_tokens for work in works),
        sum(work.generated_tokens for work in works),
        estimated_usd,
    )


def with_one_more(
    request: EndedRequest, work: RequestWork, ended_unix_seconds: float, estimated_usd: float | None
) -> EndedRequest:
    """It, with one more sequence that ended later; `estimated_usd`: of that one."""
    whole = request.estimated_usd
    known = None if whole is None or estimated_usd is None else whole + estimated_usd
    return request._replace(
        ended_unix_seconds=ended_unix_seconds,
        sequences=request.sequences + 1,
        outcome=OUTCOMES[max(OUTCOMES.index(request.outcome), work.outcome)],
        prompt_computed_tokens=request.prompt_computed_tokens + work.prompt_computed_tokens,
        prompt_cached_tokens=request.prompt_cached_tokens + work.prompt_cached_tokens,
        generated_tokens=request.generated_tokens + work.generated_tokens,
        estimated_usd=known,
    )
