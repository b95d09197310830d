"""LoRA slots: low-rank pairs that vLLM allocates beside every linear layer when it loads the model."""

from __future__ import annotations

from vllm_costmeter.core.engine.engine import Engine
from vllm_costmeter.core.engine.estimate import Estimate, exactly
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.plan import Plan

DTYPE_BYTES = 2  # --lora-dtype auto is the model's 16-bit dtype


def lora_slots(model: Model, engine: Engine, plan: Plan) -> Estimate:
    """Bytes on each GPU of one pipeline rank for `max_loras` adapters of `max_lora_rank`.

    vllm/lora/layers (0.32.0): a column-parallel layer keeps A whole and cuts B, a row-parallel one cuts A and keeps
    B whole. Which layers an adapter touches is not known before it is loaded: vLLM allocates for all.
    """
    if not plan.enable_lora:
        return exactly(0, "no LoRA slots")
    sizes = model.sizes
    ranks = engine.layout.tensor_parallel_size
    hidden = sizes.hidden_size
    queries = sizes.num_attention_heads * sizes.head_size
    keys = sizes.num_key_value_heads * sizes.head_size
    attention = 4 * hidden + (queries + 2 * keys) // ranks + queries // ranks
    dense = _feed_forward(hidden, sizes.intermediate_size, ranks)
    experts = sizes.num_experts * _feed_forward(hidden, sizes.moe_intermediate_size, ranks)
    layers = -(-sizes.num_hidden_layers // engine.layout.pipeline_parallel_size)
    each = DTYPE_BYTES * plan.max_loras * plan.max_lora_rank * layers
    usual = each * (attention + max(dense, experts))
    return Estimate(
        usual,
        each * attention // 2,
        usual + usual // 4,
        f"{plan.max_loras} slots of rank {plan.max_lora_rank} beside every linear layer",
    )


def _feed_forward(hidden: int, inner: int, ranks: int) -> int:
    """Values per rank and adapter rank of gate, up and down."""
    return 3 * hidden + 3 * inner // ranks if inner else 0
