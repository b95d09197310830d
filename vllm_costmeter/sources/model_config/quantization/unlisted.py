"""AWQ and GPTQ checkpoints whose config.json lists no layers: vLLM takes those in 16 bits from the weights' headers.

`maybe_update_config` of quantization/awq.py, auto_awq.py and auto_gptq.py (0.17 to 0.33): without
`modules_to_not_convert` or `modules_in_block_to_quantize`, a layer is quantized if its tensors are integers.
"""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.names import name_rules
from vllm_costmeter.core.quantization.scheme import PLAIN, Quantization
from vllm_costmeter.core.quantization.schemes.gptq import Gptq
from vllm_costmeter.core.quantization.schemes.listed import Listed

ATTENTION = ("self_attn", "linear_attn", "mamba", "mixer")
"""Parts of names of layers that producers of hybrids leave in 16 bits, in whole or in part."""
_NOTHING = name_rules(())


def with_unlisted(model: Model) -> Model:
    """`model` with a plain tower, which no producer quantizes, and, for a hybrid, room for attention in 16 bits."""
    weights = model.weights
    if not isinstance(weights, Weights) or not _lists_nothing(weights.quantization):
        return model
    weights = replace(weights, plain_towers=True)
    if not model.is_hybrid:
        return replace(model, weights=weights)
    plain = replace(weights, quantization=_with_plain_attention(weights.quantization))
    alone = EngineArgs()
    least, most = (sum(each.bytes_per_pipeline_rank(alone, model.dtype)) for each in (weights, plain))
    note = (
        f"config.json does not list the layers left in 16 bits, and vLLM takes them from the weights: those may be up "
        f"to {most / least - 1:.0%} larger; to be sure, check the Hub id, or a folder with the weights"
    )
    return replace(model, weights=weights, weights_most_share=most / least, notes=(*model.notes, note))


def _lists_nothing(quantization: Quantization) -> bool:
    if isinstance(quantization, Gptq):
        return not quantization.only
    return (
        isinstance(quantization, Listed) and quantization.method == "awq" and quantization.skipped == _NOTHING
    )


def _with_plain_attention(quantization: Quantization) -> Quantization:
    if isinstance(quantization, Gptq):
        plain = tuple((rf".*\b{part}\b", PLAIN) for part in ATTENTION)
        return replace(quantization, rules=(*plain, *quantization.rules))
    if isinstance(quantization, Listed):
        return replace(quantization, skipped=name_rules(ATTENTION))
    return quantization
