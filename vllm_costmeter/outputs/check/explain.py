"""Explain each part of a fit check: its bytes, the rule behind them and the rule's evidence."""

from __future__ import annotations

import textwrap

from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.kv_cache import kv_rules
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.release import dotted
from vllm_costmeter.outputs.check.text import UNLIMITED

_PARTS = (
    ("weights", "weights_bytes"),
    ("activations", "activations_bytes"),
    ("cuda_graphs", "cuda_graphs_bytes"),
    ("non_torch", "non_torch_bytes"),
    ("kv_cache_needed", "kv_cache_needed_bytes"),
    ("kv_cache_available", "kv_cache_available_bytes"),
)
_RULES_OF = {"weights": ("weights", "lora"), "non_torch": ("non_torch", "beside_weights")}
"""Parts of the result that several rules add up to."""


_NAMES = {"cuda_graphs": "CUDA graphs", "non_torch": "non-torch"}
_NAMES |= {"kv_cache_needed": "KV needed", "kv_cache_available": "KV available"}
"""Names as in the picture; other parts are named after their fields."""

_ABOVE_NAMES = {"outside": "outside", "communication": "NCCL", "cuda_graphs": "capture"}
_ABOVE_NAMES |= {"workspaces": "workspaces", "warm_up": "warm-up", "sampler": "sampler"}

WIDEST = 100
_COLUMN = 46
"""Column where reasons start, after the part's name and size; in a narrow terminal they continue below."""


def explanation(fit: Fit, width: int = WIDEST) -> list[str]:
    """Lines no wider than `width` or 100, except for single longer words; not wrapped at all in a pipe."""
    width = width if width >= UNLIMITED else min(width, WIDEST)
    engine, rules = fit.engine, engine_rules(fit.engine.release)
    lines = _wrapped("where each byte comes from (on the GPU with the least room):", width)
    budget = fit.known_budget_bytes if fit.per_gpu is None else fit.per_gpu.budget_bytes
    lines += _part("budget", budget, [_budget(fit)], width)
    for name, field in _PARTS:
        bytes_ = None if fit.per_gpu is None else getattr(fit.per_gpu, field)
        if name == "weights" and bytes_ is None:
            bytes_ = fit.known_weights_bytes
        lines += _part(_NAMES.get(name, name), bytes_, _reasons(fit, name), width)
    if fit.above_budget is not None:
        above = fit.above_budget
        low, high = (end / GIB for end in above.range_bytes)
        left = f"{low:.2f} to {high:.2f} GiB; the budget leaves {above.left_bytes / GIB:.2f} GiB of the GPU"
        lines += _part("above budget", above.bytes, [left], width)
        for name, part in above.parts.items():
            ends = f"{part.low_bytes / GIB:.2f} to {part.high_bytes / GIB:.2f} GiB"
            lines += _part(f"  {_ABOVE_NAMES[name]}", part.bytes, [ends, part.rule], width)
    row = f"rules of {rules.version} for vLLM {engine.release}"
    lines += _wrapped(f"engine: {row}; evidence: {rules.evidence}", width)
    if fit.kv_cache is not None:
        cache = kv_rules(engine.release)
        row = f"rules of {dotted(cache.first_version)}"
        lines += _wrapped(f"KV cache: {row}; evidence: {cache.evidence}", width)
    return lines


def _budget(fit: Fit) -> str:
    if fit.engine_args.kv_cache_memory_bytes is not None:
        return "sum of the parts, as with --kv-cache-memory-bytes"
    source = {
        "catalog": "from the catalogue",
        "nvml": "as the driver reports it",
        "amdsmi": "as the driver reports it",
        "flag": "as given with --gpu-memory-gib",
    }[fit.gpu.source]
    total = f"{fit.gpu.memory_bytes / GIB:.2f} GiB ({fit.gpu.name}, {source})"
    return f"--gpu-memory-utilization {fit.engine.gpu_memory_utilization:g} of {total}"


def _reasons(fit: Fit, name: str) -> list[str]:
    if name == "kv_cache_needed":
        source = {"config": "from config.json", "vllm": "as vLLM's own code counts it"}
        told = source.get(fit.provenance.get("kv_cache", ""), "source unknown")
        length = f"{fit.engine.max_model_len:,} tokens" if fit.engine.max_model_len else "one token"
        return [f"{length} of context, {told}"]
    if name == "kv_cache_available":
        low, high = fit.kv_cache_available_range_bytes or (0, 0)
        ends = "" if low == high else f"; {low / GIB:.2f} to {high / GIB:.2f} GiB"
        return [f"budget minus the parts above{ends}"]
    return [fit.rules[rule] for rule in _RULES_OF.get(name, (name,)) if rule in fit.rules] or [
        fit.provenance.get(name, "unknown")
    ]


def _part(name: str, bytes_: int | None, reasons: list[str], width: int) -> list[str]:
    if bytes_ is None:
        return []
    indent = " " * (_COLUMN if width > 2 * _COLUMN else 6)
    size = f"{bytes_:>16,}  {bytes_ / GIB:>8.2f} GiB"
    return _wrapped(f"  {name:<12}{size}  {'; '.join(reasons)}", width, indent)


def _wrapped(text: str, width: int, indent: str = "  ") -> list[str]:
    if width >= UNLIMITED:
        return [text]
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False)
