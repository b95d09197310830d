"""Which changes are tried for what does not fit, and what becomes of those that help."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import ADA, GIB, llama
from served_changes import ENOUGH, Served
from stated_sizing import blank

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit import suggest
from vllm_costmeter.core.fit.offers import RentalOffer
from vllm_costmeter.core.fit.result import Fit, Reason, Suggestion
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.quantization.named import NamedQuantization

KV, SEQS, EAGER = "--kv-cache-dtype fp8", "--max-num-seqs 64", "--enforce-eager"
SHARE, FP8 = "--gpu-memory-utilization 0.95", "--quantization fp8_per_tensor"
WIDER = [f"--tensor-parallel-size {size}" for size in (2, 4, 8)]
A100 = RentalOffer(GpuGroup("A100", round(79.3 * GIB)), 1.0)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    """Trials whose answers a test states."""
    trials = Served()
    monkeypatch.setattr(suggest, "Trials", lambda model, release, starts: trials)
    return trials


def refused(
    asked: EngineArgs | None = None,
    *,
    reason: Reason = "kv_cache",
    gpu: GpuGroup = ADA,
    model: Model | None = None,
    **known: Any,
) -> Fit:
    """A refusal on a 4090, whose default batch is 256 requests and 2,048 tokens."""
    result = blank(asked or EngineArgs(), model or llama(), gpu)
    return replace(result, verdict="refused", reason=reason, **known)


def advised(result: Fit, **more: Any) -> tuple[Suggestion, ...]:
    """The suggestions for it."""
    return suggest.with_suggestions(result, result.model, result.gpu, result.engine_args, **more).suggestions


def tried(served: Served, result: Fit, **more: Any) -> list[str]:
    """The flags of every change that is tried, in order."""
    advised(result, **more)
    return [each.arguments for each in served.asked]


def test_flags_are_tried_before_more_gpus(served: Served) -> None:
    """The length that surely fits first, other GPUs last."""
    asked = tried(served, refused(max_model_len_that_fits=4096), offers=[A100])
    assert asked[: 6 + 3] == ["--max-model-len 4096", KV, SEQS, EAGER, SHARE, FP8, *WIDER]
    assert asked[9] == '--gpu "A100"'


@pytest.mark.parametrize("length", [None, 0, 131_072])
def test_a_length_is_tried_only_between_none_and_the_asked_one(served: Served, length: int | None) -> None:
    assert tried(served, refused(max_model_len_that_fits=length)) == [KV, SEQS, EAGER, SHARE, FP8, *WIDER]


@pytest.mark.parametrize(
    ("asked", "gpu", "expected"),
    [
        (EngineArgs(), {"compute_capability": (8, 9)}, [KV, SEQS, EAGER, SHARE, FP8]),
        (EngineArgs(), {"compute_capability": None}, [KV, SEQS, EAGER, SHARE, FP8]),
        (EngineArgs(), {"compute_capability": (8, 6)}, [SEQS, EAGER, SHARE]),
        (EngineArgs(kv_cache_dtype="fp8"), {}, [SEQS, EAGER, SHARE, FP8]),
        (EngineArgs(max_num_seqs=32), {}, [KV, "--max-num-seqs 8", EAGER, SHARE, FP8]),
        (EngineArgs(max_num_seqs=31), {}, [KV, EAGER, SHARE, FP8]),
        (EngineArgs(enforce_eager=True), {}, [KV, SEQS, SHARE, FP8]),
        (EngineArgs(gpu_memory_utilization=0.95), {}, [KV, SEQS, EAGER, FP8]),
        (EngineArgs(gpu_memory_utilization=0.94), {}, [KV, SEQS, EAGER, SHARE, FP8]),
        (EngineArgs(kv_cache_memory_bytes=GIB), {}, [KV, SEQS, EAGER, FP8]),
        (EngineArgs(quantization="fp8_per_tensor"), {}, [KV, SEQS, EAGER, SHARE]),
    ],
)
def test_a_flag_is_tried_where_it_changes_something(
    served: Served, asked: EngineArgs, gpu: dict[str, Any], expected: list[str]
) -> None:
    """fp8 from Ada on or where nobody knows, a quarter of the requests down to eight, 0.95 of the GPU at most."""
    assert tried(served, refused(asked, gpu=replace(ADA, **gpu)))[: -len(WIDER)] == expected


@pytest.mark.parametrize(
    ("batched", "seqs", "is_tried"),
    [(2048, 64, False), (2049, 64, True), (4096, 2048, True), (4096, 2049, False)],
)
def test_a_smaller_batch_holds_all_requests(served: Served, batched: int, seqs: int, is_tried: bool) -> None:
    """vLLM accepts no batch below --max-num-seqs."""
    asked = EngineArgs(max_num_batched_tokens=batched, max_num_seqs=seqs)
    assert ("--max-num-batched-tokens 2048" in tried(served, refused(asked))) is is_tried


@pytest.mark.parametrize("changes", [{"quantization": "fp8"}, {"only_named": NamedQuantization("FP8", 0.5)}])
def test_a_quantized_checkpoint_is_not_quantized_again(served: Served, changes: dict[str, Any]) -> None:
    assert FP8 not in tried(served, refused(model=llama(**changes)))


@pytest.mark.parametrize(
    ("free_bytes", "share"),
    [(57 * GIB + GIB // 2, "0.57"), (GIB, "0.01"), (GIB - 1, None), (None, "0.95")],
)
def test_a_busy_gpu_is_tried_with_what_is_free(
    served: Served, free_bytes: int | None, share: str | None
) -> None:
    """Hundredths of 100 GiB, rounded down; none where less than one is free."""
    gpu = replace(ADA, memory_bytes=100 * GIB)
    asked = tried(served, refused(reason="free_memory", gpu=gpu, free_bytes=free_bytes))
    shares = [words for words in asked if words.startswith("--gpu-memory-utilization")]
    assert shares == ([] if share is None else [f"--gpu-memory-utilization {share}"])


def split(tensor: int, pipeline: int = 1) -> EngineArgs:
    """A layout, and flags that leave no other change to try."""
    return EngineArgs(
        layout=ParallelConfig(tensor, pipeline),
        max_num_seqs=8,
        kv_cache_dtype="fp8",
        enforce_eager=True,
        gpu_memory_utilization=0.95,
        quantization="fp8_per_tensor",
    )


@pytest.mark.parametrize(
    ("reason", "fits", "expected"),
    [
        ("tensor_parallel", None, [2, 1, 4, 5, 6, 7, 8]),
        ("tensor_parallel", (2, ENOUGH), [2]),
        ("tensor_parallel", (2, 4096), [2, 1, 4, 5, 6, 7, 8]),
        ("gpu_count", None, [2, 1]),
        ("parallel_layout", (5, ENOUGH), [2, 1, 4, 5]),
    ],
)
def test_a_layout_that_cannot_be_is_tried_smaller_and_then_larger(
    served: Served, reason: Reason, fits: tuple[int, int] | None, expected: list[int]
) -> None:
    """Up to eight of sixteen, until one serves the context; more GPUs than there are only with their number."""
    if fits is not None:
        served.tokens[f"--tensor-parallel-size {fits[0]}"] = fits[1]
    here = replace(ADA, count=16, source="nvml") if reason == "tensor_parallel" else replace(ADA, count=3)
    asked = tried(served, refused(split(3), reason=reason, gpu=here))
    more = ['--gpu "RTX 4090:3"'] if reason == "gpu_count" else []
    assert asked == [*(f"--tensor-parallel-size {size}" for size in expected), *more]


@pytest.mark.parametrize(
    ("is_moe", "reason", "is_tried"),
    [
        (True, "parallel_layout", True),
        (False, "parallel_layout", False),
        (True, "tensor_parallel", False),
    ],
)
def test_whole_experts_and_one_stage_are_tried_for_a_layout(
    served: Served, is_moe: bool, reason: Reason, is_tried: bool
) -> None:
    """Experts only of a model that has them."""
    result = refused(split(1, 2), reason=reason, gpu=replace(ADA, count=2), model=llama(is_moe=is_moe))
    asked = tried(served, result)
    assert ("--enable-expert-parallel" in asked) is is_tried
    assert asked[-1] == "--pipeline-parallel-size 1"


def test_what_gains_no_context_is_left_out_where_the_context_is_the_problem(served: Served) -> None:
    """4,096 tokens fit as it is: as many with fewer requests are no gain."""
    served.tokens.update({SEQS: 4096, EAGER: 4097, SHARE: ENOUGH, "--max-model-len 4096": 4096})
    for reason, expected in (("kv_cache", [EAGER, SHARE]), ("above_budget", [SEQS, EAGER, SHARE])):
        result = refused(reason=reason, max_model_len_that_fits=4096)  # type: ignore[arg-type]
        assert [each.arguments for each in advised(result)] == ["--max-model-len 4096", *expected]


def test_the_smallest_change_comes_first_whatever_was_tried_first(served: Served) -> None:
    """KV cache, tensor parallelism, requests, eager mode, share, weights, another GPU."""
    served.tokens.update(dict.fromkeys((FP8, SHARE, EAGER, SEQS, WIDER[0], KV, '--gpu "A100"'), ENOUGH))
    order = [each.arguments for each in advised(refused(), offers=[A100])]
    assert order == [KV, WIDER[0], SEQS, EAGER, SHARE, FP8, '--gpu "A100"']


def test_the_models_own_limit_is_all_that_is_wrong_where_its_longest_fits(served: Served) -> None:
    """Nothing else is tried then; where less fits, or the shorter length fails, the rest is."""
    longest = "--max-model-len 131072"
    served.tokens.update({longest: ENOUGH})
    long = refused(EngineArgs(max_model_len=200_000), reason="max_model_len", max_model_len_that_fits=131_072)
    assert [each.arguments for each in advised(long)] == [longest]
    assert [each.arguments for each in served.asked] == [longest]
    served.tokens.clear()
    assert tried(served, long)[1:3] == [longest, KV]


@pytest.mark.parametrize("reason", ["compute_capability", "kv_cache_dtype"])
def test_a_refusal_of_flags_is_lifted_by_what_its_rule_names(served: Served, reason: Reason) -> None:
    """In the order of how little it changes, a flag without memory first; another GPU only where this one cannot."""
    changes = ({"max_num_seqs": 4}, {"async_scheduling": False}, {"kv_cache_dtype": "auto"})
    words = ["--no-async-scheduling", "--kv-cache-dtype auto", "--max-num-seqs 4"]
    served.tokens.update(dict.fromkeys((*words, '--gpu "A100"'), ENOUGH))
    found = advised(refused(reason=reason, changes=changes), offers=[A100])
    more = ['--gpu "A100"'] if reason == "compute_capability" else []
    assert [each.arguments for each in found] == [*words, *more]


def test_nothing_is_advised_for_what_fits_or_is_unknown(served: Served) -> None:
    result = refused()
    for verdict in ("fits", "unknown"):
        other = replace(result, verdict=verdict)  # type: ignore[arg-type]
        assert suggest.with_suggestions(other, result.model, ADA, result.engine_args) is other
    assert served.asked == []


FEWER: tuple[tuple[Reason, int, int | None, bool], ...] = (
    ("max_num_seqs", 4096, 1, True),
    ("max_num_seqs", 4096, 0, False),
    ("above_budget", 0, 8, True),
    ("above_budget", 0, 7, False),
    ("above_budget", 0, None, False),
    ("first_start", 0, 3, True),
    ("first_start", 16, 3, False),
    ("weights", 0, 3, False),
)
"""Reason, longest context, most requests, whether they are the first advice."""


def test_the_most_requests_come_first_where_fewer_are_what_helps(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place of a quarter of them, unless that takes a shorter context; above the budget eight at least, on a first
    start where no length helps."""
    monkeypatch.setattr(suggest, "with_most_seqs", lambda result, starts: result)
    for reason, longest, most, is_first in FEWER:
        result = refused(reason=reason, max_model_len_that_fits=longest, max_num_seqs_that_fits=most)
        for tokens in (ENOUGH, 8192):
            served.tokens.update({f"--max-num-seqs {most}": ENOUGH, SEQS: tokens, KV: ENOUGH})
            found = [each.arguments for each in advised(result)]
            others = [KV, SEQS] if tokens < ENOUGH or not is_first else [KV]
            assert found == [f"--max-num-seqs {most}"] * is_first + others
