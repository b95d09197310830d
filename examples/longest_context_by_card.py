"""Runs anywhere vllm-costmeter is installed: how long may the context be, by card? No GPU, no vLLM, no download."""

from pathlib import Path

import vllm_costmeter

MODEL = str(Path(__file__).parent / "models" / "llama-3.1-8b")

for card in ("RTX 4090", "L40S", "A100 80GB SXM", "H100 SXM"):
    fit = vllm_costmeter.check(MODEL, gpu=card)
    print(f"{card:15s} {fit.verdict:8s} longest --max-model-len {fit.max_model_len_that_fits}")
