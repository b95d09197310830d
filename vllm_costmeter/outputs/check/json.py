"""One fit check as JSON: schema costmeter.check/1. Fields are added, never renamed."""

from __future__ import annotations

from typing import Any

from vllm_costmeter.core import dataclass as dataclasses
from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.fit.result import Fit, MemoryUse, Suggestion
from vllm_costmeter.core.gpu.group import GpuGroup, GpuProcess
from vllm_costmeter.core.memory.above_budget import AboveBudget

SCHEMA = "costmeter.check/1"


def to_json(fit: Fit) -> dict[str, Any]:
    """The result as JSON values. Parts that could not be computed are absent."""
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "verdict": fit.verdict,
        "reason": fit.reason,
        "message": fit.message,
        "model": {
            "id": fit.model.id,
            "architecture": fit.model.architecture,
            "parameters": fit.model.parameters,
            "quantization": fit.model.quantization,
        },
        "gpu": _gpu(fit.gpu),
        "engine": engine_json(fit),
    }
    if fit.per_gpu is not None and fit.kv_cache_available_range_bytes is not None:
        found["per_gpu_bytes"] = per_gpu_json(fit.per_gpu)
        found["per_gpu_bytes_range"] = {"kv_cache_available": list(fit.kv_cache_available_range_bytes)}
    elif fit.known_weights_bytes is not None:
        found["per_gpu_bytes"] = {"budget": fit.known_budget_bytes, "weights": fit.known_weights_bytes}
    if fit.kv_cache is not None:
        found["kv_cache"] = {
            "bytes_per_token": fit.kv_cache.bytes_per_token,
            "tokens": fit.kv_cache.tokens,
            "tokens_range": list(fit.kv_cache.tokens_range),
            "max_concurrency": round(fit.kv_cache.max_concurrency, 4),
        }
    if fit.first_start is not None:
        first = fit.first_start
        found["first_start"] = {
            "kv_cache_available_bytes": first.kv_cache_available_bytes,
            "kv_cache_available_bytes_range": list(first.kv_cache_available_range_bytes),
            "tokens": first.kv_cache.tokens,
            "max_concurrency": round(first.kv_cache.max_concurrency, 4),
        }
    if fit.above_budget is not None:
        found["above_budget"] = _above_budget(fit.above_budget)
    if fit.leaves_room is not None:
        found["leaves_room"] = _suggestion(fit.leaves_room)
    if fit.max_model_len_that_fits is not None:
        found["max_model_len_that_fits"] = fit.max_model_len_that_fits
    if fit.max_num_seqs_that_fits is not None:
        found["max_num_seqs_that_fits"] = fit.max_num_seqs_that_fits
    found["suggestions"] = [_suggestion(each) for each in fit.suggestions]
    found["provenance"] = dict(fit.provenance)
    found["rules"] = dict(fit.rules)
    found["notes"] = list(fit.notes)
    return found


def _gpu(gpu: GpuGroup) -> dict[str, Any]:
    """The GPU; if measured, also its free memory and the processes using the rest."""
    found: dict[str, Any] = {
        "name": gpu.name,
        "count": gpu.count,
        "memory_bytes": gpu.memory_bytes,
        "source": gpu.source,
    }
    if gpu.free_bytes is not None:
        found["free_bytes"] = gpu.free_bytes
        found["processes"] = [_process(process) for process in gpu.processes]
    if gpu.price is not None:
        found["usd_per_hour"] = round(gpu.price.usd_per_hour, 4)
        found |= {"price_as_of": gpu.price.as_of, "price_is_stale": gpu.price.is_stale}
    return found


def _process(process: GpuProcess) -> dict[str, Any]:
    """The GPU's index keeps its first published name, "card"."""
    return {
        "pid": process.pid,
        "name": process.name,
        "memory_bytes": process.memory_bytes,
        "card": process.gpu,
    }


def _above_budget(above: AboveBudget) -> dict[str, Any]:
    return {
        "bytes": above.bytes,
        "bytes_range": list(above.range_bytes),
        "left_bytes": above.left_bytes,
        "parts": {
            name: {
                "bytes": part.bytes,
                "bytes_range": [part.low_bytes, part.high_bytes],
                "rule": part.rule,
            }
            for name, part in above.parts.items()
        },
    }


def engine_json(fit: Fit) -> dict[str, Any]:
    """Every resolved flag by name."""
    engine, engine_args = fit.engine, fit.engine_args
    resolved = {
        **{
            field.name: getattr(engine_args, field.name)
            for field in dataclasses.fields(engine_args)
            if field.name != "layout"
        },
        "vllm_version": engine.release.text,
        "vllm_version_is_assumed": engine.release.is_assumed,
        "rules_version": engine_rules(engine.release).version,
        **{
            field.name: getattr(engine, field.name)
            for field in dataclasses.fields(engine)
            if field.name not in ("layout", "release")
        },
        **{
            field.name: getattr(engine_args.layout, field.name)
            for field in dataclasses.fields(engine_args.layout)
        },
    }
    known = {name: _plain(value) for name, value in resolved.items()}
    return known if fit.engine.max_model_len else {**known, "max_model_len": None}


def per_gpu_json(use: MemoryUse) -> dict[str, int]:
    """The parts by name, without the unit."""
    return {field.name.removesuffix("_bytes"): getattr(use, field.name) for field in dataclasses.fields(use)}


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    found: dict[str, Any] = {
        "change": dict(suggestion.change),
        "verdict": suggestion.verdict,
        "arguments": suggestion.arguments,
        "max_model_len_that_fits": suggestion.max_model_len_that_fits,
    }
    found["gpus"] = suggestion.gpus
    if suggestion.usd_per_hour is not None:
        found["usd_per_hour"] = suggestion.usd_per_hour
        found["price_as_of"] = suggestion.price_as_of
        found["price_is_stale"] = suggestion.is_price_stale
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, dict) else value
