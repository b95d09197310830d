"""Medusa heads: residual blocks and output heads on the target's last hidden state, which cache nothing (vLLM 0.17 to
0.32, medusa.py)."""

from __future__ import annotations

from vllm_costmeter.core.model.parts import Embedding, Part
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.blocks import replicated
from vllm_costmeter.sources.model_config.families.layers import layer_of
from vllm_costmeter.sources.model_config.families.source import Source

_MOST_HEADS = 64  # published ones have 3 to 5; more is a corrupt file


def medusa(source: Source) -> Weights:
    """One block per head; an output head each, or one for all (`original_lm_head`)."""
    text, hidden = source.text, source.hidden_size
    bias = text.bool("medusa_fc_bias", default=False)
    count = text.int("num_heads", minimum=1, maximum=_MOST_HEADS)
    is_shared = text.bool("original_lm_head", default=False)
    vocab = text.int("truncated_vocab_size", default=source.vocab_size, minimum=1)
    block: list[Part] = [
        replicated(f"layers.{index}", hidden, hidden, bias=bias, quantized=False)
        for index in range(source.num_layers)
    ]
    own_head = Embedding("lm_heads", source.vocab_size, hidden)
    layer = layer_of(*block) if is_shared else layer_of(*block, own_head)
    return Weights(
        layers=(layer,) * count,
        layer_prefix="blocks.{}.",
        first=(),
        last=(Embedding("lm_head", vocab, hidden),) if is_shared else (),
    )
