"""Where each byte of a fit check comes from: the part, its bytes, the rule that gave it, and the rule's evidence."""

from __future__ import annotations

import textwrap

from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.kv_cache import kv_rules
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.release import dotted

_PARTS = (
    ("weights", "weights_bytes"),
    ("activations", "activations_bytes"),
    ("cuda_graphs", "cuda_graphs_bytes"),
    ("non_torch", "non_torch_bytes"),
    ("kv_cache_needed", "kv_cache_needed_bytes"),
    ("kv_cache_available", "kv_cache_available_bytes"),
)
_RULES_OF = {"weights": ("weights", "lora"), "non_torch": ("non_torch", "beside_weights")}
"""Parts of the answer that several rules add up to."""


WIDEST = 100
_COLUMN = 37
"""Where reasons begin: behind the part's name and bytes; in a narrow terminal they go on below them."""


def explanation(fit: Fit, width: int = WIDEST) -> list[str]:
    """Lines no wider than `width` or 100, but for words that are."""
    width = min(width, WIDEST)
    engine, rules = fit.engine, engine_rules(fit.engine.release)
    lines = _wrapped("where each byte comes from (of the GPU with the least room):", width)
    budget = None if fit.per_gpu is None else fit.per_gpu.budget_bytes
    if budget is None:
        budget = fit.known_budget_bytes
    share = f"gpu_memory_utilization {engine.gpu_memory_utilization:g} of {fit.gpu.memory_bytes} bytes"
    lines += _part("budget", budget, [f"{share} ({_card(fit)})"], width)
    for name, field in _PARTS:
        bytes_ = None if fit.per_gpu is None else getattr(fit.per_gpu, field)
        if name == "weights" and bytes_ is None:
            bytes_ = fit.known_weights_bytes
        lines += _part(name, bytes_, _reasons(fit, name), width)
    row = f"row {rules.version} for vLLM {engine.release}"
    lines += _wrapped(f"engine rules, {row}: {rules.evidence}", width)
    if fit.kv_cache is not None:
        cache = kv_rules(engine.release)
        lines += _wrapped(f"KV cache rules, row {dotted(cache.first_version)}: {cache.evidence}", width)
    return lines


def _card(fit: Fit) -> str:
    source = {"catalog": "from the catalogue", "nvml": "as the driver says", "flag": "as given"}[
        fit.gpu.source
    ]
    return f"{fit.gpu.name}, {source}"


def _reasons(fit: Fit, name: str) -> list[str]:
    if name == "kv_cache_needed":
        return [
            f"one sequence of {fit.engine.max_model_len} tokens, from {fit.provenance.get('kv_cache', 'no rule')}"
        ]
    if name == "kv_cache_available":
        low, high = fit.kv_cache_available_range_bytes or (0, 0)
        return [f"budget less the parts above; between {low / GIB:.2f} and {high / GIB:.2f} GiB"]
    return [fit.rules[rule] for rule in _RULES_OF.get(name, (name,)) if rule in fit.rules] or [
        fit.provenance.get(name, "not known")
    ]


def _part(name: str, bytes_: int | None, reasons: list[str], width: int) -> list[str]:
    if bytes_ is None:
        return []
    indent = " " * (_COLUMN if width > 2 * _COLUMN else 6)
    return _wrapped(f"  {name:<18} {bytes_:>15}  {'; '.join(reasons)}", width, indent)


def _wrapped(text: str, width: int, indent: str = "  ") -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False)
