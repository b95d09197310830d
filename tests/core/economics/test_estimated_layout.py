"""Which layout of several is the best, and how its copies share a load."""

from __future__ import annotations

from typing import Any

import pytest

from vllm_costmeter.core.economics.estimated_layout import EstimatedLayout, estimated_layout
from vllm_costmeter.core.economics.throughput import Load, least_seconds_per_request
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.core.serving.placement import placed
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.models.packaged import named_model


class Something:
    """What the preference reads of a layout, and no more."""

    def __init__(self, **known: Any) -> None:
        self.__dict__.update(known)


def layout(verdict: str, rate: float) -> EstimatedLayout:
    placed_so: Any = Something(fit=Something(verdict=verdict))
    estimated: Any = Something(generated_tokens_per_second=rate)
    return EstimatedLayout(placed_so, estimated)


def test_what_fits_is_better_than_what_is_fast() -> None:
    """Then what may fit, what is not known, and what does not; of two alike the faster."""
    best_first = [
        layout("fits", 2.0),
        layout("fits", 1.0),
        layout("tight", 9.0),
        layout("unknown", 99.0),
        layout("refused", 999.0),
    ]
    mixed = best_first[::-1]
    assert sorted(mixed, key=EstimatedLayout.preference, reverse=True) == best_first


@pytest.mark.parametrize(("concurrency", "at_once"), [(3, 3), (10, 10), (100, 8)])
def test_no_more_requests_run_than_all_copies_have_room_for(concurrency: int, at_once: int) -> None:
    """Two sequences on each of four copies, with the floor of as many."""
    model, gpu = named_model("Llama 3.1 8B").model, find_gpu("H100 SXM")
    seqs = 2 if concurrency == 100 else 64
    args = EngineArgs(layout=ParallelConfig(1, 1, 4), max_model_len=600, max_num_seqs=seqs)
    load = Load(concurrency, 500, 100)
    found = estimated_layout(placed(model, gpu, args, NEWEST), model, gpu, load).estimate
    floor = least_seconds_per_request(model, args, NEWEST, gpu, load=load, running=at_once)
    assert (found.concurrency, found.floor_seconds_per_request) == (at_once, floor)
