"""Every way to save, for one model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from vllm_costmeter.core.economics.idle.cheaper_gpu import PricedGpu, cheaper_gpus
from vllm_costmeter.core.economics.idle.replicas import fewer_replicas, running_servers
from vllm_costmeter.core.economics.idle.return_times import ReturnTimes
from vllm_costmeter.core.economics.idle.saving import Delays, ModelSavings, Saving, Way
from vllm_costmeter.core.economics.idle.time_out import replayed
from vllm_costmeter.core.economics.idle.timeline import Replica, spans, together
from vllm_costmeter.core.ledger.rows import MINUTE

TIME_OUTS_SECONDS = (300, 600, 900, 1800, 3600, 7200, 14_400)
SHORTEST_TIME_OUT_SECONDS = 300
"""Minutes do not show pauses shorter than two of them, so a shorter time-out would start servers more often than they
tell."""


def model_savings(
    replicas: Sequence[Replica],
    times: ReturnTimes,
    time_outs_seconds: Iterable[int],
    now: PricedGpu | None,
    others: Iterable[PricedGpu],
) -> ModelSavings:
    """All of them, for the servers of one model. `now` is their GPU; None if it is not known."""
    whole = together(replicas)
    paid = MINUTE * sum(len(replica.steps) for replica in replicas)
    busy = math.fsum(step.active_seconds for replica in replicas for step in replica.steps.values())
    time_outs = list(time_outs_seconds)
    found = [
        *_time_outs("scale_to_zero", [whole], times.start, time_outs),
        *_time_outs("sleep_level_1", replicas, times.level_1, time_outs),
        *_time_outs("sleep_level_2", replicas, times.level_2, time_outs),
        *fewer_replicas(replicas),
    ]
    left_out = []
    if not any(each.way == "fewer_replicas" for each in found):
        left_out.append("fewer replicas: the model had one server at a time, or generates no tokens")
    if now is None:
        left_out.append("cheaper GPU: the GPU is not known or not in the catalogue")
    else:
        cheaper = list(cheaper_gpus(now, others, usd=whole.usd, busy_share=busy / paid if paid else 0.0))
        found += cheaper
        if not cheaper:
            left_out.append(f"cheaper GPU: none with the memory of {now.spec.name} would keep up for less")
    return ModelSavings(
        whole.model_name,
        whole.usd,
        math.fsum(step.requests for step in whole.steps.values()),
        1 - busy / paid if paid else 0.0,
        max(running_servers(replicas).values(), default=0),
        tuple(found),
        tuple(left_out),
        times,
    )


def _time_outs(
    way: Way, replicas: Sequence[Replica], return_seconds: float | None, time_outs: Sequence[int]
) -> Iterator[Saving]:
    over = [(replica.usd_per_second, list(spans(replica))) for replica in replicas]
    for time_out in time_outs:
        usd, starts, delays = 0.0, 0, Delays()
        for usd_per_second, its_spans in over:
            found = replayed(its_spans, time_out, return_seconds)
            usd += found.off_seconds * usd_per_second
            starts += found.starts
            delays = delays.plus(found.delays)
        on_the_bill = way == "scale_to_zero"
        yield Saving(way, f"after {_written(time_out)}", usd, delays, starts, on_the_bill, time_out)


def _written(seconds: int) -> str:
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds / 60:g} min"
