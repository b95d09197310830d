"""The logs of public_logs.yaml whose model, GPU, release and flags can be given as a command."""

from __future__ import annotations

from typing import NamedTuple

import yaml

from scripts.accuracy.wild import FOLDER, ROUNDING_GIB, fit_of
from vllm_costmeter.core.memory.byte_range import GIB

DRAFTED = """--speculative-config '{"method":"mtp","num_speculative_tokens":3}'"""
COMMANDS = {
    "gemma4-e2b-mi300x": "gemma-4-E2B-it --gpu MI300X --gpu-memory-gib 191.69 --max-model-len 32768 "
    """--gpu-memory-utilization 0.9 --limit-mm-per-prompt '{"audio":0}' --vllm-version 0.29.1""",
    "llama31-8b-a100-recompiled": "Llama-3.1-8B-Instruct --gpu 'A100 80GB SXM' --max-model-len 131072 "
    "--vllm-version 0.31.0",
    "qwen36-27b-nvfp4-mtp-5090-100k": "Qwen3.6-27B-NVFP4 --gpu 'RTX 5090' --dtype bfloat16 --max-model-len 100352 "
    "--gpu-memory-utilization 0.85 --kv-cache-dtype fp8 --enable-prefix-caching --max-num-batched-tokens 8192 "
    f"--max-num-seqs 1 {DRAFTED} --vllm-version 0.24.0",
    "qwen38-27b-bf16-rocm-80g": "Qwen3.8-27B-bf16 --gpu-memory-gib 80 --max-model-len 262144 --max-num-seqs 256 "
    "--max-num-batched-tokens 2048 --gpu-memory-utilization 0.92 --vllm-version 0.28.0",
}
"""`costmeter check` for a log. The batch of the last is that of its logged peak (0.85 GiB without graphs)."""
COMPILED_ANEW = frozenset({"llama31-8b-a100-recompiled"})


class PublicLog(NamedTuple):
    """One log and the prediction for it, in GiB."""

    name: str
    release: str
    logged: float
    low: float
    usual: float
    high: float

    @property
    def is_inside(self) -> bool:
        """Whether the logged pool lies in the range."""
        return self.low - ROUNDING_GIB <= self.logged <= self.high + ROUNDING_GIB


def public_logs() -> list[PublicLog]:
    """Each log with a command, predicted without recorded starts."""
    cases = {case["id"]: case for case in yaml.safe_load((FOLDER / "public_logs.yaml").read_text())["cases"]}
    return [_predicted(name, cases[name]["vllm"], cases[name]["stated"]["pool"]) for name in COMMANDS]


def _predicted(name: str, release: str, pool: float) -> PublicLog:
    result = fit_of(COMMANDS[name])
    first = result.first_start if name in COMPILED_ANEW else None
    if first is not None:
        ends, usual = first.kv_cache_available_range_bytes, first.kv_cache_available_bytes
    else:
        assert result.per_gpu is not None
        assert result.kv_cache_available_range_bytes is not None
        ends, usual = result.kv_cache_available_range_bytes, result.per_gpu.kv_cache_available_bytes
    return PublicLog(name, release, pool, ends[0] / GIB, usual / GIB, ends[1] / GIB)


def section() -> list[str]:
    """This section's lines in docs/accuracy.md."""
    return [
        "## Logs kept apart",
        "",
        "`tests/data/wild/public_logs.yaml`: the logs that state enough for a command. All but the third are among the",
        "evidence of one constant (ROCm's memory outside PyTorch, first starts).",
        "",
        "| log | vLLM | logged | predicted | range | in range |",
        "|---|---|---|---|---|---|",
        *(
            f"| {log.name} | {log.release} | {log.logged:.2f} | {log.usual:.2f} | {log.low:.2f} to {log.high:.2f} | "
            f"{'yes' if log.is_inside else 'no'} |"
            for log in public_logs()
        ),
        "",
    ]
