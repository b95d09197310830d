"""A GGUF file: its tensors, and the config.json that its metadata amount to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError, nearest
from vllm_costmeter.core.model.checkpoint import CheckpointContents, GroupSums
from vllm_costmeter.sources.checkpoint.gguf_stream import GgufStream, Length

MAGIC = b"GGUF"
MOST_TENSORS = 200_000
MOST_KEYS = 10_000
MOST_DIMENSIONS = 8

BLOCKS: Mapping[int, tuple[str, int, int]] = {
    # type -> name, values per block, bytes per block: GGML_QUANT_SIZES of gguf 0.19.0, compared 2026-11-22
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}

_ARCHITECTURES = {
    # general.architecture -> vLLM's class and transformers' model_type, as transformers' gguf integration maps them
    "llama": ("LlamaForCausalLM", "llama"),
    "qwen2": ("Qwen2ForCausalLM", "qwen2"),
    "qwen3": ("Qwen3ForCausalLM", "qwen3"),
    "phi3": ("Phi3ForCausalLM", "phi3"),
    "gemma2": ("Gemma2ForCausalLM", "gemma2"),
}
_KEYS = {
    "block_count": "num_hidden_layers",
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.sliding_window": "sliding_window",
    "vocab_size": "vocab_size",
    "expert_count": "num_local_experts",
    "expert_used_count": "num_experts_per_tok",
}
_REQUIRED = (
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "attention.head_count",
)


@dataclass(frozen=True, slots=True)
class GgufFile:
    """What one file's header holds."""

    metadata: Mapping[str, Any]
    contents: CheckpointContents
    has_head: bool
    """Whether there is an output head beside the input embedding."""


def read_gguf(file: Path) -> GgufFile:
    """The header of a GGUF file; BadInputError where it is none."""
    try:
        with file.open("rb") as stream:
            return _parse(GgufStream(stream, str(file)), str(file))
    except OSError as error:
        raise BadInputError(f"{file}: cannot be read: {error.strerror or error}") from None


def _parse(stream: GgufStream, name: str) -> GgufFile:
    if stream.take(len(MAGIC)) != MAGIC:
        raise stream.fault("does not begin with GGUF")
    version = stream.scalar("I")
    if version not in (2, 3):
        raise NotUnderstoodError(f"{name}: GGUF version {version} is not known, 2 and 3 are")
    num_tensors = stream.whole(MOST_TENSORS, "tensors")
    num_keys = stream.whole(MOST_KEYS, "metadata keys")
    metadata = {stream.string(): stream.value() for _ in range(num_keys)}
    sums = GroupSums()
    has_head = False
    for _ in range(num_tensors):
        tensor = stream.string()
        dimensions = stream.scalar("I")
        if dimensions > MOST_DIMENSIONS:
            raise stream.fault(f"tensor {tensor[:80]!r} has {dimensions} dimensions")
        shape = [stream.scalar("Q") for _ in range(dimensions)]
        kind = stream.scalar("I")
        stream.scalar("Q")
        if kind not in BLOCKS:
            raise NotUnderstoodError(
                f"{name}: tensor {tensor[:80]!r} has GGML type {kind}, which is not known"
            )
        dtype, values_per_block, block_bytes = BLOCKS[kind]
        values = math.prod(shape)
        if values % values_per_block:
            raise stream.fault(f"tensor {tensor[:80]!r}: {values} values are no whole blocks of {dtype}")
        sums.add(tensor, dtype, values // values_per_block * block_bytes, values)
        has_head = has_head or tensor == "output.weight"
    return GgufFile(metadata, CheckpointContents("gguf", sums.groups(), sums.num_tensors, 1), has_head)


def config_of(gguf: GgufFile, name: str) -> dict[str, Any]:
    """The file's model as a config.json. NotUnderstoodError for an architecture that is not in the table; a key that
    is missing or of the wrong type is found by those who read the config."""
    architecture = gguf.metadata.get("general.architecture")
    if not isinstance(architecture, str):
        raise BadInputError(f"{name}: general.architecture is missing: it names the model's class")
    if architecture not in _ARCHITECTURES:
        raise NotUnderstoodError(
            f"{name}: GGUF architecture {architecture[:40]!r} is not known{nearest(architecture, _ARCHITECTURES)}"
        )
    class_name, model_type = _ARCHITECTURES[architecture]
    config: dict[str, Any] = {
        "model_type": model_type,
        "dtype": "bfloat16",
        "tie_word_embeddings": not gguf.has_head,
    }
    for key, own in _KEYS.items():
        value = gguf.metadata.get(f"{architecture}.{key}")
        if value is not None:
            config[own] = _same_in_every_layer(value, f"{name}: {architecture}.{key}")
    missing = [key for key in _REQUIRED if _KEYS[key] not in config]
    if missing:
        raise BadInputError(f"{name}: {architecture}.{missing[0]} is missing: its model needs it")
    tokens = gguf.metadata.get("tokenizer.ggml.tokens")
    if "vocab_size" not in config and isinstance(tokens, Length):
        config["vocab_size"] = int(tokens)
    if architecture == "llama" and config.get("num_local_experts"):
        class_name, config["model_type"] = "MixtralForCausalLM", "mixtral"
    return {**config, "architectures": [class_name]}


def _same_in_every_layer(value: Any, where: str) -> Any:
    if not isinstance(value, tuple):
        return value
    if len(set(value)) != 1:
        raise NotUnderstoodError(f"{where}: differs from layer to layer, which is not known")
    return value[0]
