"""Throughput and latency of one engine with a number of requests in flight: continuous batching, chunked prefill.

In every step each running sequence generates a token, and prompts fill the rest of the batched tokens in chunks. What a
prompt adds to its steps is the difference between a step with its chunk and one without.
"""

from __future__ import annotations

import math

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.serving.step import Engine

LEAST_CHUNK_TOKENS = 64
"""Batched tokens that decoding leaves to prompts at least."""


@dataclass(frozen=True, slots=True)
class Requests:
    """Mean lengths of the requests. BadInputError for a length below 1 or a share out of range."""

    prompt_tokens: float
    output_tokens: float
    cached_share: float = 0.0
    """Share of the prompt that the prefix cache holds already."""
    accepted_tokens: float = 0.0
    """Draft tokens accepted per step (speculative decoding), on average."""

    def __post_init__(self) -> None:
        for name, value in (("--prompt-tokens", self.prompt_tokens), ("--output-tokens", self.output_tokens)):
            if value < 1:
                raise BadInputError(f"{name} must be at least 1, got {value:g}")
        if not 0 <= self.cached_share < 1:
            raise BadInputError(f"--cached-share must be at least 0 and below 1, got {self.cached_share:g}")
        if self.accepted_tokens < 0:
            raise BadInputError(f"--accepted-tokens must be at least 0, got {self.accepted_tokens:g}")

    @property
    def steps(self) -> float:
        """Engine steps to generate one answer."""
        return max(1.0, self.output_tokens / (1 + self.accepted_tokens))

    @property
    def computed_tokens(self) -> float:
        """Prompt tokens to compute; at least one, whose logits begin the answer."""
        return max(1.0, self.prompt_tokens * (1 - self.cached_share))

    @property
    def mean_context(self) -> float:
        """Tokens that a running sequence holds, averaged over its answer."""
        return self.prompt_tokens + self.output_tokens / 2


@dataclass(frozen=True, slots=True)
class Served:
    """What one engine does with a load."""

    running: float
    """Requests in the batch."""
    ttft_seconds: float
    tpot_seconds: float
    """Between two tokens of one answer."""
    requests_per_second: float
    prefill_share: float
    """Of the time, spent on prompts."""
    step_seconds: float
    """Of a step without prompts."""
    prefill_seconds: float
    """That one prompt adds to its steps."""

    @property
    def seconds_per_request(self) -> float:
        """From its start to its last token."""
        return self.running / self.requests_per_second


def prefill_seconds(engine: Engine, requests: Requests, running: float, together: float = 1.0) -> float:
    """What one prompt adds to its steps while `running` sequences decode on each stage, with `together` prompts at
    once, in chunks of the batched tokens."""
    context, computed = requests.mean_context, requests.computed_tokens
    cached = requests.prompt_tokens - computed
    tokens = computed * together
    budget = max(engine.batched_tokens - running, LEAST_CHUNK_TOKENS)
    chunks = max(1, math.ceil(tokens / budget))
    alone = engine.gpu_seconds(running, context)
    added = 0.0
    for number, stands_for in _sampled(chunks):
        chunk = min(budget, tokens - number * budget)
        before = cached + (number * budget if together <= 1 else 0.0)
        prompts = max(1.0, chunk / computed)
        added += stands_for * (engine.gpu_seconds(running, context, chunk, before, prompts) - alone)
    if not running:
        added += chunks * engine.host.base_seconds
    return added / together


def _sampled(chunks: int) -> list[tuple[int, int]]:
    """(chunk, how many it stands for): of many chunks, the middle stands for all but the last, as attention grows
    linearly."""
    if chunks <= 3:
        return [(number, 1) for number in range(chunks)]
    return [((chunks - 2) // 2, chunks - 1), (chunks - 1, 1)]


def interruption_seconds(engine: Engine, requests: Requests, prompts: float, prefill: float) -> float:
    """What prompts add to a step in which `prompts` of them begin on each stage or rank, on average, each taking
    `prefill`.

    Pipeline stages work on one micro-batch each. One with a chunk of a prompt holds up all others, which wait behind it
    at every stage; only chunks in several micro-batches at once are computed in parallel. So it is with data-parallel
    ranks that share their experts: they exchange tokens in every layer.
    """
    together = max(engine.stages, engine.layout.data_parallel_size if engine.shares_experts else 1)
    if together == 1:
        return prompts * prefill
    chunks = max(1.0, requests.computed_tokens / engine.batched_tokens)
    begun = prompts * chunks * together
    return prefill / chunks * max(1 - math.exp(-begun), begun / together)


def served(engine: Engine, requests: Requests, running: float) -> Served:
    """With `running` requests in the batch at any time, each followed by the next as it ends."""
    batch = running / engine.stages
    context, steps = requests.mean_context, requests.steps
    step = engine.seconds(batch, context)
    together = max(1.0, batch / steps)
    others = max(batch - 1, 0.0)
    prefill = prefill_seconds(engine, requests, others, together)
    per_token = step + interruption_seconds(engine, requests, others / steps, prefill)
    share = min(0.99, batch / steps * prefill / per_token)
    first = engine.host.path(requests.prompt_tokens) + prefill
    if batch > 1:
        first += 1.5 * step
    first += prefill * share / 2 / (1 - min(share, 0.9))
    life = first + (steps - 1) * per_token
    return Served(
        running=running,
        ttft_seconds=first,
        tpot_seconds=per_token * steps / requests.output_tokens,
        requests_per_second=running / life,
        prefill_share=share,
        step_seconds=step,
        prefill_seconds=prefill,
    )


def in_flight(engine: Engine, requests: Requests, concurrency: float, most_running: float) -> Served:
    """`concurrency` requests at any time, of which up to `most_running` run and the others wait."""
    slots = max(1.0, min(concurrency, most_running))
    found = served(engine, requests, slots)
    waiting = max(0.0, concurrency - slots) / found.requests_per_second
    return replace(found, ttft_seconds=found.ttft_seconds + waiting)
