"""Throughput before there is a server."""

from __future__ import annotations

import statistics
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.accuracy import estimate_fit, estimates
from vllm_costmeter.core.economics.throughput import FITTED, Estimate, Load, estimate, rates_of
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.models.packaged import named_model

MODEL = named_model("Llama 3.1 8B").model


def at(load: Load, gpus: int = 1, most_running: int | None = None) -> Estimate:
    """Llama 3.1 8B on H100."""
    gpu = find_gpu("H100 SXM")
    return estimate(
        MODEL, EngineArgs(), NEWEST, rates_of(gpu, MODEL), load, gpus=gpus, most_running=most_running
    )


RUNS = list(estimates.sweep())
"""84 runs of three models in two precisions on H100 and A100, from one request a second to saturation."""


def test_the_median_error_over_the_published_sweep_is_below_15_percent() -> None:
    """With the constants that are shipped, which were fitted to these runs and others."""
    errors = [abs(run.error) for run in RUNS]
    assert len(errors) == 84
    assert statistics.median(errors) < 0.12


def test_the_page_shows_these_errors() -> None:
    """Every row that the committed measurements make stands in docs/economics.md as it is computed now."""
    rows = [row for row in estimates.table(RUNS).splitlines() if row.startswith("| arXiv")]
    page = (Path(__file__).parents[3] / "docs" / "economics.md").read_text().splitlines()
    assert [row for row in rows if row not in page] == []
    assert len(rows) == 12


def test_the_fit_finds_constants_that_made_the_measurements() -> None:
    """Seconds computed from known constants are met by the constants fitted to them."""
    parts, _ = estimate_fit.rows(RUNS)
    seconds = parts @ np.array(astuple(FITTED))
    assert seconds == pytest.approx([run.load.output_tokens / run.estimated for run in RUNS])
    assert np.median(np.abs(parts @ estimate_fit.fit(parts, seconds) / seconds - 1)) < 0.02


def test_gpus_exchange_longer_the_more_they_are() -> None:
    """Eight GPUs do not halve the step of four: every doubling adds a layer's latency."""
    two, four, eight = (at(Load(1, 512, 256), gpus).overhead_seconds for gpus in (2, 4, 8))
    assert four - two == pytest.approx(eight - four)
    assert four > two > at(Load(1, 512, 256)).overhead_seconds


def test_tokens_sent_to_experts_take_time() -> None:
    """Beside what a mixture computes and reads: by token, layer and expert."""
    mixture = next(run for run in RUNS if "Mixtral" in run.model)
    free = mixture.estimate(replace(FITTED, seconds_per_routed_byte=0.0))
    assert mixture.estimated < free.generated_tokens_per_second


@given(st.integers(1, 1024), st.integers(1, 100_000), st.integers(1, 10_000), st.sampled_from([1, 2, 8]))
def test_no_estimate_is_above_the_floor(concurrency: int, prompt: int, output: int, gpus: int) -> None:
    """The limiting resource at 100 % is faster than any estimate, and the range holds the estimate."""
    found = at(Load(concurrency, prompt, output), gpus)
    low, high = found.generated_range
    assert low < found.generated_tokens_per_second <= high
    assert found.generated_tokens_per_second < found.floor_tokens_per_second


def test_more_requests_make_more_tokens_until_memory_ends() -> None:
    """Batching pays; what the KV cache does not hold waits."""
    rates = [at(Load(users, 512, 256)).generated_tokens_per_second for users in (1, 8, 64, 256)]
    assert rates == sorted(rates)
    assert at(Load(256, 512, 256), most_running=8) == at(Load(256, 512, 256), most_running=8)
    assert at(Load(256, 512, 256), most_running=8).concurrency == 8


@pytest.mark.parametrize("wrong", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (-5, 1, 1)])
def test_a_load_of_nothing_is_refused(wrong: tuple[int, int, int]) -> None:
    """One line that names the flag."""
    with pytest.raises(BadInputError, match="must be at least 1"):
        Load(*wrong)
