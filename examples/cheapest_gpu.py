"""Runs anywhere vllm-costmeter is installed: the cheapest GPUs in the catalogue for a model at a context length."""

import sys
from dataclasses import replace
from pathlib import Path

import vllm_costmeter
from vllm_costmeter.assembly import catalogue_offers

model = sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).parent / "models" / "llama-3.1-8b")
length = int(sys.argv[2]) if len(sys.argv) > 2 else 32768

found = []
for offer in catalogue_offers():
    for count in (1, 2, 4, 8):
        gpus = replace(offer.gpu, count=count)
        fit = vllm_costmeter.check(model, gpu=gpus, max_model_len=length, tensor_parallel_size=count)
        if fit.verdict == "fits" and offer.usd_per_gpu_hour is not None:
            found.append((offer.usd_per_gpu_hour * count, count, offer.gpu.name, fit))
            break

for usd_per_hour, count, name, fit in sorted(found, key=lambda each: each[0])[:5]:
    print(f"{usd_per_hour:6.2f} $/h  {count} x {name:15s} KV cache of {fit.kv_cache.tokens} tokens")
