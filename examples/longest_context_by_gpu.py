"""Runs anywhere vllm-costmeter is installed: the longest context on several GPUs. No GPU, no vLLM, no download."""

from pathlib import Path

import vllm_costmeter

MODEL = str(Path(__file__).parent / "models" / "llama-3.1-8b")

for gpu in ("RTX 4090", "L40S", "A100 80GB SXM", "H100 SXM"):
    fit = vllm_costmeter.check(MODEL, gpu=gpu)
    print(f"{gpu:15s} {fit.verdict:8s} longest --max-model-len {fit.max_model_len_that_fits}")
