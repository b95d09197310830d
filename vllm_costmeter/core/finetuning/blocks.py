"""How much the blocks of each architecture save for the backward pass, against a Llama's."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """Saved bytes over those of a Llama's block of the same sizes, in Transformers."""

    adapters: float = 1.0
    full: float = 1.0
    normalizes_heads: bool = False
    """Queries and keys pass an RMSNorm each, in FP32."""


PLAIN = Block()
MEASURED: Mapping[str, Block] = {
    "LlamaForCausalLM": PLAIN,
    "MistralForCausalLM": PLAIN,
    "Qwen2ForCausalLM": PLAIN,
    "Qwen3ForCausalLM": Block(normalizes_heads=True),
    "GraniteForCausalLM": PLAIN,
    "SmolLM3ForCausalLM": PLAIN,
    "GemmaForCausalLM": Block(1.0, 1.11),
    "Phi3ForCausalLM": Block(0.92, 1.11),
    "Olmo2ForCausalLM": Block(1.11, 1.34),
    "Olmo3ForCausalLM": Block(1.11, 1.34),
    "Glm4ForCausalLM": Block(1.13, 1.33),
    "CohereForCausalLM": Block(1.02, 0.99),
    "StableLmForCausalLM": Block(0.91, 0.84),
    "Ernie4_5ForCausalLM": Block(1.01, 1.01),
    "Exaone4ForCausalLM": Block(1.11, 1.18),
    "PhiForCausalLM": Block(1.41, 1.33),
    "Starcoder2ForCausalLM": Block(0.89, 0.76),
    "GPTNeoXForCausalLM": Block(0.84, 0.88),
    "NemotronForCausalLM": Block(0.90, 0.83),
}
"""One training step of a small model of each (tests/data/finetuning/cpu_runs.csv; Transformers 5.19, 2026-11-28). Left
out: Gemma 2 and Seed-OSS, which attend without the flash kernel there, so that what they save grows with the square
of the length."""


def block_of(architecture: str) -> Block:
    """The measured factors; a Llama's where nothing was measured."""
    return MEASURED.get(architecture, PLAIN)
