"""LoRA slots: the memory that `--enable-lora` allocates on a rank before any adapter is loaded."""

from __future__ import annotations

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.memory.byte_range import ByteRange
from vllm_costmeter.core.model.checkpoint_weights import CheckpointWeights
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.weights import Weights

ADAPTER_VALUE_BYTES = 2  # --lora-dtype auto is the model's 16-bit dtype


def lora_slots(model: Model, engine_args: EngineArgs) -> tuple[ByteRange, ...]:
    """Bytes per pipeline rank for `max_loras` adapters of rank `max_lora_rank` (`core.model.adapters`).

    Exact except for routed experts: their share follows vLLM's code, was never measured, and is therefore a
    range. NotUnderstoodError for a model with unknown layers.
    """
    weights = model.weights
    if isinstance(weights, CheckpointWeights):
        weights = weights.described
    if not isinstance(weights, Weights):
        raise NotUnderstoodError(
            "--enable-lora: this model's layers, and so its adapter slots, are not known"
        )
    each = ADAPTER_VALUE_BYTES * engine_args.max_loras * engine_args.max_lora_rank
    rule = f"{engine_args.max_loras} slots of rank {engine_args.max_lora_rank} for every layer"
    found = []
    for share in weights.adapter_shares(engine_args, model.dtype):
        usual = each * share.values + share.fixed_bytes
        unsure = each * share.expert_values // 2
        found.append(ByteRange(usual, usual - unsure, usual + unsure, rule))
    return tuple(found)
