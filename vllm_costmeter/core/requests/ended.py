"""One HTTP request that ended, and what it was charged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vllm_costmeter.core.meter.outcome import OUTCOMES, Outcome
from vllm_costmeter.core.meter.shares.request_work import RequestWork

MOST_IDS = 4
"""Of a request with more sequences (a batch of embeddings), the first are kept."""
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
