"""KV cache of one request of 8,192 tokens, by hf-mem's rule and by ours: `python -m scripts.accuracy.beside_hf_mem`.

Needs `pip install hf-mem` (0.5.6 of 2026 was compared); its command reads the Hub, so its function is called on the
configurations of the tests. Ours is what vLLM 0.32 plans: docs/conformance.md.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import vllm_costmeter

MODELS = Path(__file__).resolve().parents[2] / "tests" / "data" / "models"
NAMES = (
    "meta-llama__Llama-3.1-8B-Instruct",
    "Qwen__Qwen3-32B",
    "openai__gpt-oss-20b",
    "google__gemma-3-27b-it",
    "Qwen__Qwen3.5-35B-A3B",
    "deepseek-ai__DeepSeek-V2-Lite-Chat",
    "deepseek-ai__DeepSeek-V3",
)
TOKENS = 8192


def main() -> None:
    """A row for each model: both in GiB, and the first over the second."""
    theirs = importlib.import_module("hf_mem.safetensors.kv_cache").compute_safetensors_kv_cache_size
    for name in NAMES:
        file = MODELS / name / "config.json"
        config: dict[str, Any] = json.loads(file.read_text())
        counted = theirs(config.get("text_config", config), "BF16", TOKENS)
        fit = vllm_costmeter.check(
            str(file), gpu="B300 SXM", max_model_len=TOKENS, dtype="bfloat16", vllm_version="0.32.0"
        )
        assert fit.per_gpu is not None
        needed = fit.per_gpu.kv_cache_needed_bytes
        print(f"{name}  {counted / 2**30:.2f}  {needed / 2**30:.2f}  {counted / needed:.2f}")


if __name__ == "__main__":
    main()
