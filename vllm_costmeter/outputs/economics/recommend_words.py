"""A load, a layout and a miss of `costmeter recommend` in words."""

from __future__ import annotations

from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.serving.deployment import Deployment
from vllm_costmeter.core.serving.recommend import Miss, Wanted


def load_words(wanted: Wanted) -> str:
    """ "20 requests/s, 2,000 prompt and 500 output tokens, TTFT p95 within 1 s"."""
    requests = wanted.requests
    load = (
        f"{rate(wanted.per_second)} request{'' if wanted.per_second == 1 else 's'}/s"
        if wanted.per_second is not None
        else f"as many requests as {wanted.budget_usd_per_month:,.0f} USD a month pay for"
    )
    lengths = f"{requests.prompt_tokens:,.0f} prompt and {requests.output_tokens:,.0f} output tokens"
    cached = f", {requests.cached_share:.0%} of prompts cached" if requests.cached_share else ""
    goals = [
        f"{name} {goal.words} within {seconds(goal.seconds)}"
        for name, goal in (("TTFT", wanted.level.ttft), ("TPOT", wanted.level.tpot))
        if goal is not None
    ]
    return ", ".join([load, lengths + cached, *goals])


def rate(per_second: float) -> str:
    """ "0.0116", "20", "1,803"."""
    return f"{per_second:,.0f}" if per_second >= 1000 else f"{per_second:.3g}"


def seconds(value: float) -> str:
    """ "50 ms"."""
    return f"{value:g} s" if value >= 1 else f"{value * 1e3:g} ms"


def copies(deployment: Deployment) -> str:
    """ "4 x TP 2", "2 x DP 8 EP"."""
    row = deployment.row
    layout = row.candidate.layout
    sizes = [
        f"{kind} {size}"
        for kind, size in (
            ("TP", layout.tensor_parallel_size),
            ("PP", layout.pipeline_parallel_size),
            ("DP", layout.data_parallel_size),
        )
        if size > 1
    ]
    sizes += ["EP"] if layout.enable_expert_parallel else []
    return f"{row.engines} x {' '.join(sizes) or '1 GPU'}"


def candidate_words(miss: Miss) -> str:
    """ "8x H100 SXM, fp8 (TP 8, PP 1, DP 1)"."""
    layout, candidate = miss.candidate.layout, miss.candidate
    sizes = f"TP {layout.tensor_parallel_size}, PP {layout.pipeline_parallel_size}, DP {layout.data_parallel_size}"
    return f"{counted(candidate.gpu.name, candidate.gpus_per_engine)}, {candidate.quantization} ({sizes})"


def miss_words(miss: Miss, wanted: Wanted) -> str:
    """What it needs, and what was asked."""
    if miss.reason == "GPUs":
        owned = miss.candidate.most_gpus
        if owned < wanted.most_gpus:
            return f"needs {miss.nearest:,.0f} GPUs; {owned} are there (--owned)"
        return f"needs {miss.nearest:,.0f} GPUs; {wanted.most_gpus} are allowed (--max-gpus)"
    if miss.reason == "budget":
        return f"one engine costs {miss.nearest:,.0f} USD a month"
    goal = wanted.level.ttft if miss.reason == "TTFT" else wanted.level.tpot
    assert goal is not None
    alone = f"{miss.reason} {goal.words} of {miss.nearest * 1e3:,.1f} ms with a single request"
    return f"{alone}; the goal is {seconds(goal.seconds)}"
