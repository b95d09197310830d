"""vLLM 0.17 to 0.33, its Python and its Rust front end, and in Ray Serve.

Source: vllm/v1/metrics/loggers.py and ray_wrappers.py of every release, rust/src/metrics/src/*.rs of 0.22 to 0.33 (read
2026-11-28); tests/data/engines has recordings of nine releases.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engines.engine import Engine, Samples


def _capacity(info: str, samples: Samples, of: Mapping[str, str]) -> float | None:
    """`kv_cache_size_tokens` since 0.30, blocks before."""
    tokens = _numbers(samples, info, "kv_cache_size_tokens")
    blocks, size = _numbers(samples, info, "num_gpu_blocks"), _numbers(samples, info, "block_size")
    if len(tokens) == 1:
        return tokens[0]
    return blocks[0] * size[0] if len(blocks) == len(size) == 1 else None


def _numbers(samples: Samples, name: str, label: str) -> list[float]:
    values = samples.label_values(name, label)
    return [float(value) for value in values if value.isdecimal() and len(value) < 16]


def _vllm(key: str, title: str, prefix: str) -> Engine:
    success = f"{prefix}request_success_total"
    return Engine(
        key=key,
        title=title,
        prefix=prefix,
        prompt=f"{prefix}prompt_tokens_total",
        cached=f"{prefix}prompt_tokens_cached_total",
        generated=f"{prefix}generation_tokens_total",
        running=f"{prefix}num_requests_running",
        waiting=f"{prefix}num_requests_waiting",
        kv_usage=f"{prefix}kv_cache_usage_perc",
        model_label="model_name",
        engine_label="engine",
        outcomes={
            "finished": (success, "finished_reason", ("stop", "length", "repetition")),
            "aborted": (success, "finished_reason", ("abort",)),
            "failed": (success, "finished_reason", ("error",)),
        },
        kv_capacity_tokens=partial(_capacity, f"{prefix}cache_config_info"),
        also_read=(f"{prefix}cache_config_info",),
        awake=(f"{prefix}engine_sleep_state", "sleep_state", "awake"),  # not in the Rust front end
        without_tokens="its counters appear with the first request",
    )


VLLM = _vllm("vllm", "vLLM", "vllm:")
VLLM_RAY = replace(_vllm("vllm_ray", "vLLM in Ray Serve", "ray_vllm_"), engine_label="ReplicaId")
"""A page of Ray has all replicas of a node, which come and go. Histograms are not read: Ray makes their sums of bucket
midpoints."""
