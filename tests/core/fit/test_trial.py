"""One change, tried."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import ADA, GIB, bad_input, llama, not_understood

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.change import Change
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.result import Suggestion
from vllm_costmeter.core.fit.trial import Trials
from vllm_costmeter.core.release import NEWEST, release_of

TRIALS = Trials(llama(), NEWEST)
MOST = fit(llama(), ADA, EngineArgs(), NEWEST).max_model_len_that_fits
"""Tokens that an 8B surely serves on a 4090."""


def change(asked: EngineArgs, **more: Any) -> Change:
    """A change that needs no flags of its own."""
    return Change({"enforce_eager": False}, "--no-enforce-eager", more.pop("gpu", ADA), asked, **more)


def test_what_fits_is_suggested_as_it_is() -> None:
    """With its longest context, its GPUs and its price."""
    two = ParallelConfig(tensor_parallel_size=2)
    asked = change(
        EngineArgs(max_model_len=4096, layout=two),
        gpu=replace(ADA, count=2),
        usd_per_hour=0.8,
        price_as_of="2026-11-01",
        is_price_stale=True,
    )
    assert TRIALS.tried(asked) == [
        Suggestion(
            {"enforce_eager": False},
            "--no-enforce-eager",
            "fits",
            131_072,
            0.8,
            gpus=2,
            price_as_of="2026-11-01",
            is_price_stale=True,
        )
    ]
    (plain,) = TRIALS.tried(change(EngineArgs(max_model_len=4096)))
    assert (plain.gpus, plain.usd_per_hour, plain.price_as_of, plain.is_price_stale) == (1, None, "", False)


def test_a_context_that_is_too_long_is_shortened() -> None:
    """The flag is added to the change."""
    (found,) = TRIALS.tried(change(EngineArgs()))
    assert found.arguments == f"--no-enforce-eager --max-model-len {MOST}"
    assert found.change == {"enforce_eager": False, "max_model_len": MOST}
    assert found.max_model_len_that_fits == MOST


@pytest.mark.parametrize(("blocks", "is_offered"), [(64, True), (63, False)])
def test_a_context_of_a_thousand_tokens_is_the_shortest_of_use(blocks: int, is_offered: bool) -> None:
    """A reserved pool of 64 blocks of 2 MiB and the null block holds 1,024 tokens; one less holds 1,008."""
    reserved = EngineArgs(kv_cache_memory_bytes=(blocks + 1) * 2 * (1 << 20))
    found = TRIALS.tried(change(reserved))
    assert [each.max_model_len_that_fits for each in found] == [1024] * is_offered


@pytest.mark.parametrize(
    ("trials", "asked"),
    [
        (Trials(llama(60.0), NEWEST), EngineArgs(max_model_len=16)),
        (Trials(llama(fault=bad_input()), NEWEST), EngineArgs(max_model_len=16)),
        (Trials(llama(fault=not_understood()), NEWEST), EngineArgs(max_model_len=16)),
        (TRIALS, EngineArgs(max_model_len=16, gpu_memory_utilization=1.0)),
    ],
    ids=["too heavy", "contradicts itself", "not understood", "no length helps"],
)
def test_what_does_not_fit_is_not_offered(trials: Trials, asked: EngineArgs) -> None:
    assert trials.tried(change(asked)) == []


def test_the_first_that_serves_the_context_ends_the_search() -> None:
    """Those before it, with a shorter one, are kept."""
    asked = [change(EngineArgs(kv_cache_memory_bytes=pool)) for pool in (2 * GIB, GIB // 100, 4 * GIB)]
    whole, after = change(EngineArgs(max_model_len=16)), change(EngineArgs(max_model_len=32))
    found = TRIALS.until_one_fits([*asked, whole, after])
    assert [each.max_model_len_that_fits for each in found[:2]] == [16_368, 32_752]
    assert len(found) == 3


@pytest.mark.parametrize(
    ("values", "tokens", "is_enough"),
    [
        ({}, 16, True),
        ({"max_model_len": 131_072}, 131_072, True),
        ({"max_model_len": 131_071}, 131_071, False),
    ],
)
def test_enough_is_the_asked_context_or_the_models_longest(
    values: dict[str, int], tokens: int, is_enough: bool
) -> None:
    assert TRIALS.is_enough([Suggestion(values, "", "fits", tokens)]) is is_enough
    assert TRIALS.is_enough([]) is False


def test_the_release_that_was_checked_is_the_one_that_is_tried() -> None:
    """fp8_per_tensor is a name of 0.20 and newer."""
    asked = change(EngineArgs(max_model_len=4096, quantization="fp8_per_tensor"))
    assert TRIALS.tried(asked) != []
    assert Trials(llama(), release_of("0.19.0")).tried(asked) == []
