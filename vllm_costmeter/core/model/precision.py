"""A model at another precision, without a checkpoint: answers "would a 4-bit version fit?"."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError, nearest
from vllm_costmeter.core.model.checkpoint_weights import CheckpointWeights
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.names import name_rules
from vllm_costmeter.core.quantization.scheme import Quantization
from vllm_costmeter.core.quantization.schemes.checkpoint_fp8 import ListedFp8
from vllm_costmeter.core.quantization.schemes.fp8 import EightBitPerTensor
from vllm_costmeter.core.quantization.schemes.integer import Grouped
from vllm_costmeter.core.quantization.schemes.listed import Listed

_NOTHING_SKIPPED = name_rules(())
_EIGHT_BITS = EightBitPerTensor()
Q4_GROUP = 128  # group size of published AWQ and GPTQ checkpoints (AutoAWQ's default q_group_size)
AS_PUBLISHED, SIXTEEN_BIT, FP8, Q4 = "as published", "16-bit", "FP8", "Q4"
_METHODS: Mapping[str, tuple[str, Quantization]] = {
    FP8: ("fp8", ListedFp8("fp8", _EIGHT_BITS, _EIGHT_BITS, _NOTHING_SKIPPED)),
    Q4: ("awq", Listed("awq", Grouped(4, Q4_GROUP, zero_points=True), _NOTHING_SKIPPED)),
}
_SPELLINGS = {
    "own": AS_PUBLISHED,
    "none": SIXTEEN_BIT,
    "16bit": SIXTEEN_BIT,
    "fp16": SIXTEEN_BIT,
    "bf16": SIXTEEN_BIT,
    "float16": SIXTEEN_BIT,
    "bfloat16": SIXTEEN_BIT,
    "fp8": FP8,
    "q4": Q4,
    "int4": Q4,
    "w4a16": Q4,
    "awq": Q4,
    "gptq": Q4,
    "4bit": Q4,
}


NAMES_OF_VLLM = ("fp8", "awq", "gptq")
"""Those spellings that are also methods of vLLM's `--quantization`."""


def is_precision_only(text: str) -> bool:
    """Whether `text` names a precision here and no method of vLLM: "q4", "fp16", "own"."""
    folded = text.strip().casefold().replace("-", "").replace("_", "")
    return folded in _SPELLINGS and folded not in NAMES_OF_VLLM


def precision(text: str) -> str:
    """The precision that `text` names. BadInputError, with the nearest names, if unknown."""
    found = _SPELLINGS.get(text.strip().casefold().replace("-", "").replace("_", ""))
    if found is None:
        raise BadInputError(
            f"unknown quantization {text!r}{nearest(text, _SPELLINGS)}; known: own, fp16, fp8, q4"
        )
    return found


def requantized(model: Model, wanted: str) -> Model:
    """`model` at that precision: Q4 as AWQ in groups of 128 with an unquantized head, FP8 per tensor.

    BadInputError if the checkpoint is already quantized: its original precision is unknown.
    NotUnderstoodError if the parts of its weights are not known.
    """
    if wanted == AS_PUBLISHED:
        return model
    published = model.quantization or (model.only_named.name if model.only_named is not None else None)
    if published is not None:
        raise BadInputError(
            f"{model.id} is published in {published}: only that precision, own, is known, got {wanted}"
        )
    if wanted == SIXTEEN_BIT:
        return model
    described = model.weights.described if isinstance(model.weights, CheckpointWeights) else model.weights
    if not isinstance(described, Weights):
        raise NotUnderstoodError(f"{model.architecture}: the parts of its weights are not known")
    method, quantization = _METHODS[wanted]
    weights = replace(described, quantization=quantization, plain_towers=True)
    return replace(model, weights=weights, weights_source="config", quantization=method)
