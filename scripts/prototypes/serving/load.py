"""Throughput and latency of a server under load: continuous batching with chunked prefill, in closed form.

Prototype. `closed` keeps a number of requests in flight; `opened` receives them at a rate and finds the
number in flight by Little's law. Both are checked against a simulation of the scheduler step by step
(`simulation.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scripts.prototypes.serving.step import WEIGHT_BYTES, Server

OVERHEAD_SHARE, MOST_OVERHEAD = 0.035, 4 * 2**30
"""Per GPU: activations, CUDA graphs, context. A rough value; the project's fit check computes it."""


REQUEST_PATH = 20e-3
"""Seconds from the client to the first step and back: HTTP, tokenising, the first chunk. The unexplained part
of TTFT in InferenceX, the sweep and others at one to four concurrent requests (20 to 26 ms)."""
TOKENISING = 3e-6
"""Seconds per prompt token: the extra unexplained time of 7,373-token over 922-token prompts (gpt-oss-120b,
B200)."""


@dataclass(frozen=True, slots=True)
class Requests:
    """Mean lengths; `cached` prompt tokens are found in the prefix cache; a draft adds `accepted` tokens a
    step."""

    prompt: float
    output: float
    cached: float = 0.0
    accepted: float = 0.0

    @property
    def steps(self) -> float:
        """Engine steps to generate one response."""
        return max(1.0, self.output / (1 + self.accepted))


@dataclass(frozen=True, slots=True)
class Served:
    """Results for one replica, in seconds and tokens per second."""

    running: float
    ttft: float
    tpot: float
    tokens_per_second: float
    busy: float
    """Share of the time spent computing prompts."""


def weight_bytes(server: Server) -> float:
    """Bytes of the whole model's weights."""
    shape, size = server.shape, WEIGHT_BYTES[server.weights]
    other = 2.0 if shape.quantized == "experts" else size
    dense = shape.layers * shape.attention_parameters
    dense += (shape.layers - shape.mixture_layers) * 3 * shape.hidden * shape.intermediate
    dense += shape.mixture_layers * 3 * shape.hidden * shape.shared_intermediate
    routed = shape.mixture_layers * shape.experts * 3 * shape.hidden * shape.expert_intermediate
    return dense * other + routed * size + 2 * shape.hidden * shape.vocabulary * 2


def most_running(server: Server, requests: Requests, utilization: float = 0.9) -> float:
    """How many such requests fit in the KV cache, each with its whole prompt and half of its response."""
    room = utilization * server.gpu.memory - weight_bytes(server) / (server.tp * server.pp)
    room -= min(OVERHEAD_SHARE * server.gpu.memory, MOST_OVERHEAD)
    per_request = (
        server.kv_read(requests.prompt + requests.output / 2) / server.pp
        + server.shape.state_bytes / server.tp
    )
    return max(1.0, room / per_request)


def prefill_seconds(server: Server, requests: Requests, running: float, together: float) -> float:
    """Seconds that one prompt adds to its steps, with `together` prompts at once, in chunks of the batched
    tokens."""
    context = requests.prompt + requests.output / 2
    tokens = max(1.0, requests.prompt - requests.cached) * together
    budget = max(server.batched_tokens - running, 64.0)
    chunks = max(1, math.ceil(tokens / budget))
    alone = server.gpu_seconds(running, context)
    added = 0.0
    for number in range(chunks):
        chunk = min(budget, tokens - number * budget)
        before = requests.cached + (number * budget if together <= 1 else 0.0)
        if together > 1:
            before = requests.cached
        added += server.gpu_seconds(running, context, chunk, before) - alone
    if not running:
        added += chunks * server.host.base
    return added / together


def closed(server: Server, requests: Requests, in_flight: float, most: float | None = None) -> Served:
    """`in_flight` requests at any time, of which up to `most` run."""
    limit = most_running(server, requests) if most is None else most
    slots = min(in_flight, limit)
    batch = slots / server.pp
    context = requests.prompt + requests.output / 2
    decode = server.seconds(batch, context)
    steps = requests.steps
    together = max(1.0, batch / steps)
    prefill = prefill_seconds(server, requests, max(batch - 1, 0), together)
    tpot = decode + max(batch - 1, 0) / steps * prefill
    busy = min(0.99, batch / steps * prefill / tpot) if tpot else 0.0
    first = (
        REQUEST_PATH
        + TOKENISING * requests.prompt
        + decode / 2 * (batch > 1)
        + prefill
        + decode * (batch > 1)
        + prefill * busy / 2 / (1 - min(busy, 0.9))
    )
    life = first + (steps - 1) * tpot
    rate = slots / life
    queue = max(0.0, in_flight - slots) / rate
    return Served(slots, first + queue, tpot * steps / requests.output, rate * requests.output, busy)


def burst(server: Server, requests: Requests, in_flight: float) -> float:
    """Mean extra wait of a first wave that arrives all at once: the time of half of its prompts."""
    return (
        in_flight
        / 2
        * prefill_seconds(
            server, requests, in_flight / 2, max(1.0, min(in_flight, server.batched_tokens / requests.prompt))
        )
    )


def opened(server: Server, requests: Requests, rate: float) -> Served | None:
    """At `rate` requests per second, Poisson; None if the server cannot keep up."""
    limit = most_running(server, requests)
    low, high = 0.0, limit
    if closed(server, requests, limit, limit).tokens_per_second < rate * requests.output:
        return None
    for _ in range(40):
        middle = (low + high) / 2
        if closed(server, requests, max(middle, 1e-3), limit).tokens_per_second < rate * requests.output:
            low = middle
        else:
            high = middle
    batch = high / server.pp
    context = requests.prompt + requests.output / 2
    decode = server.seconds(max(batch, 1.0), context)
    prefill = prefill_seconds(server, requests, batch, max(1.0, batch / requests.steps))
    busy = min(0.95, rate * prefill)
    step = decode + min(1.0, rate * decode) * prefill
    wait = step / 2 * min(1.0, batch) + busy * prefill / 2 / (1 - busy)
    tpot = closed(server, requests, max(high, 1.0), limit).tpot
    return Served(
        high,
        REQUEST_PATH + TOKENISING * requests.prompt + wait + prefill + decode,
        tpot,
        rate * requests.output,
        busy,
    )
