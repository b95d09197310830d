"""LoRA adapters for the tiny model, with random weights, as PEFT writes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from scripts.servers.tiny_model import ATTENTION_HEADS, HEAD_SIZE, HIDDEN_SIZE, KEY_VALUE_HEADS, LAYERS

RANK = 8
ROWS = {"q_proj": ATTENTION_HEADS * HEAD_SIZE, "v_proj": KEY_VALUE_HEADS * HEAD_SIZE}


def adapter_flags(folder: Path, *names: str) -> tuple[str, ...]:
    """What serves adapters of these names, made in `folder`."""
    modules = [f"{name}={write_adapter(folder / name, seed)}" for seed, name in enumerate(names)]
    return "--enable-lora", "--max-lora-rank", str(RANK), "--max-loras", "2", "--lora-modules", *modules


def write_adapter(folder: Path, seed: int) -> Path:
    """One adapter of the query and value projections of every layer."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    tensors = {}
    for layer in range(LAYERS):
        for projection, rows in ROWS.items():
            name = f"base_model.model.model.layers.{layer}.self_attn.{projection}"
            tensors[f"{name}.lora_A.weight"] = random.normal(0, 0.5, (RANK, HIDDEN_SIZE)).astype("float32")
            tensors[f"{name}.lora_B.weight"] = random.normal(0, 0.5, (rows, RANK)).astype("float32")
    save_file(tensors, folder / "adapter_model.safetensors")
    facts = {
        "peft_type": "LORA",
        "r": RANK,
        "lora_alpha": 2 * RANK,
        "target_modules": list(ROWS),
        "bias": "none",
    }
    (folder / "adapter_config.json").write_text(json.dumps(facts))
    return folder
