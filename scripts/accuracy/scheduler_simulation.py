"""A discrete-event simulation of vLLM's scheduler, to validate the closed-form load model.

In every step each running sequence generates one token, waiting prompts fill the rest of the batched tokens
in order of arrival (chunked prefill), and a sequence starts only if its whole length fits in the KV cache.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

StepSeconds = Callable[[int, float, int, float], float]
"""(decoding sequences, mean context, prompt tokens, tokens of those prompts seen before) -> seconds."""


@dataclass(slots=True)
class Sequence:
    """One request in the engine."""

    arrival: float
    prompt: int
    output: int
    computed: int = 0
    generated: int = 0
    first: float = 0.0
    end: float = 0.0

    @property
    def time_per_token(self) -> float:
        """Seconds from one token to the next."""
        return (self.end - self.first) / max(1, self.output - 1)


@dataclass(slots=True)
class Engine:
    """vLLM's limits. `kv_tokens`: capacity of the KV cache."""

    seconds: StepSeconds
    batched_tokens: int = 8192
    most_sequences: int = 1024
    kv_tokens: float = float("inf")
    waiting: deque[Sequence] = field(default_factory=deque)
    running: list[Sequence] = field(default_factory=list)
    now: float = 0.0

    def step(self) -> list[Sequence]:
        """Run one forward pass and return the sequences that finished."""
        decoding = [each for each in self.running if each.computed >= each.prompt]
        budget = self.batched_tokens - len(decoding)
        chunks: list[tuple[Sequence, int]] = []
        for each in self.running:
            if each.computed < each.prompt and budget > 0:
                chunks.append((each, min(budget, each.prompt - each.computed)))
                budget -= chunks[-1][1]
        held = sum(each.prompt + each.generated for each in self.running)
        while self.waiting and budget > 0 and len(self.running) < self.most_sequences:
            head = self.waiting[0]
            if self.running and held + head.prompt > self.kv_tokens * 0.99:
                break
            self.running.append(self.waiting.popleft())
            held += head.prompt
            chunks.append((head, min(budget, head.prompt)))
            budget -= chunks[-1][1]
        context = sum(each.prompt + each.generated for each in decoding) / max(1, len(decoding))
        prompt = sum(tokens for _, tokens in chunks)
        before = sum(each.computed * tokens for each, tokens in chunks) / max(1, prompt)
        self.now += self.seconds(len(decoding), context, prompt, before)
        ended = []
        for each in decoding:
            each.generated += 1
        for each, tokens in chunks:
            each.computed += tokens
            if each.computed >= each.prompt:
                each.generated, each.first = 1, self.now
        for each in self.running:
            if each.generated >= each.output:
                each.end = self.now
                ended.append(each)
        self.running = [each for each in self.running if each.generated < each.output]
        while self.running and sum(each.prompt + each.generated for each in self.running) > self.kv_tokens:
            last = self.running.pop()
            last.prompt, last.computed = last.prompt + last.generated, 0
            last.output = max(1, last.output - last.generated)
            last.generated = 0
            self.waiting.appendleft(last)
        return ended


def closed_loop(engine: Engine, lengths: Iterable[tuple[int, int]], in_flight: int) -> list[Sequence]:
    """`in_flight` requests at a time until all are served, as `vllm bench serve --max-concurrency` does."""
    left = deque(lengths)
    done: list[Sequence] = []
    alive = 0
    while left or alive:
        while left and alive < in_flight:
            engine.waiting.append(Sequence(engine.now, *left.popleft()))
            alive += 1
        ended = engine.step()
        alive -= len(ended)
        done.extend(ended)
    return done


def open_loop(
    engine: Engine, lengths: Iterable[tuple[int, int]], rate: float, seed: int = 0
) -> list[Sequence]:
    """Poisson arrivals at `rate` per second."""
    draw = random.Random(seed)
    moment, coming = 0.0, deque[Sequence]()
    for prompt, output in lengths:
        moment += draw.expovariate(rate)
        coming.append(Sequence(moment, prompt, output))
    done: list[Sequence] = []
    while coming or engine.waiting or engine.running:
        if not engine.waiting and not engine.running:
            engine.now = max(engine.now, coming[0].arrival)
        while coming and coming[0].arrival <= engine.now:
            engine.waiting.append(coming.popleft())
        done.extend(engine.step())
    return done
