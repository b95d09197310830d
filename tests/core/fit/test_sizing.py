"""The longest context that fits, where memory depends on the length itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from example_models import ADA, GIB, llama

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.sizing import deployment
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import NEWEST, release_of
from vllm_costmeter.sources.models.local import local_model

DATA = Path(__file__).resolve().parents[2] / "data" / "models"
DEEPSEEK = DATA / "deepseek-ai__DeepSeek-V2-Lite-Chat"


@pytest.mark.parametrize("gib", [33.7, 33.8, 33.9, 34.0, 34.3])
def test_the_longest_of_latent_attention_fits_and_little_more_does_not(gib: float) -> None:
    """Its prefill context grows with --max-model-len up to 8,192 tokens: shorter ones are sized each by itself."""
    gpu = GpuGroup("a GPU", round(gib * GIB), compute_capability=(9, 0))
    args = EngineArgs(max_num_batched_tokens=512, max_num_seqs=8)
    start = deployment(local_model(DEEPSEEK), gpu, args, release_of("0.32.0"))
    longest = start.longest_that_fits()
    for length, fits in ((longest, True), (longest + 32, False)):
        placed = start.at(length).on_first_start
        assert placed.cache.fits(length, placed.memory.pools("low")) is fits


@pytest.mark.parametrize("gib", [18.5, 18.6, 18.7, 18.8, 19.2])
def test_the_longest_of_a_default_batch_that_shrinks_with_it_is_exact(gib: float) -> None:
    """With one sequence the default batch is no longer than the context, so that each length has its own peak: one
    token more is not certain to fit."""
    gpu = replace(ADA, memory_bytes=round(gib * GIB))
    args = EngineArgs(max_num_seqs=1)
    longest = fit(llama(), gpu, args, NEWEST).max_model_len_that_fits
    assert longest is not None
    verdicts = [
        fit(llama(), gpu, replace(args, max_model_len=length), NEWEST).verdict
        for length in (longest, longest + 1)
    ]
    assert 0 < longest < 8192
    assert verdicts == ["fits", "tight"]
