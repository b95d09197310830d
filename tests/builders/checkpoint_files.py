"""Weight files made by hand: headers as the formats have them, and no bytes behind (the files are sparse)."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vllm_costmeter.sources.checkpoint.gguf import BLOCKS

BITS = {"F32": 32, "BF16": 16, "F16": 16, "F8_E4M3": 8, "U8": 8, "I32": 32}

TINY_LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 4,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 32000,
    "max_position_embeddings": 4096,
    "torch_dtype": "bfloat16",
}


def llama_shapes(
    layers: int = 4, hidden: int = 2048, inner: int = 8192, kv: int = 512, vocab: int = 32000
) -> dict[str, tuple[int, ...]]:
    """Every tensor of a Llama of TINY_LLAMA's sizes, as Hugging Face names them."""
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (vocab, hidden),
        "model.norm.weight": (hidden,),
        "lm_head.weight": (vocab, hidden),
    }
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        shapes |= {
            prefix + "self_attn.q_proj.weight": (hidden, hidden),
            prefix + "self_attn.k_proj.weight": (kv, hidden),
            prefix + "self_attn.v_proj.weight": (kv, hidden),
            prefix + "self_attn.o_proj.weight": (hidden, hidden),
            prefix + "mlp.gate_proj.weight": (inner, hidden),
            prefix + "mlp.up_proj.weight": (inner, hidden),
            prefix + "mlp.down_proj.weight": (hidden, inner),
            prefix + "input_layernorm.weight": (hidden,),
            prefix + "post_attention_layernorm.weight": (hidden,),
        }
    return shapes


def header(tensors: Mapping[str, Sequence[int]], dtype: str = "BF16") -> tuple[dict[str, Any], int]:
    """The JSON of a safetensors header, and the bytes of tensors it promises."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in tensors.items():
        values = 1
        for size in shape:
            values *= size
        begin, end = end, end + values * BITS[dtype] // 8
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    return entries, end


def write_safetensors(file: Path, tensors: Mapping[str, Sequence[int]], dtype: str = "BF16") -> int:
    """A safetensors file that is complete, but for its bytes being holes; the bytes of its tensors."""
    entries, size = header(tensors, dtype)
    write_raw(file, json.dumps(entries).encode(), size)
    return size


def write_raw(file: Path, data: bytes, size: int = 0, length: int | None = None) -> None:
    """Any header, true or not."""
    with file.open("wb") as stream:
        stream.write(struct.pack("<Q", len(data) if length is None else length) + data)
        stream.truncate(8 + len(data) + size)


def write_checkpoint(
    folder: Path, config: Mapping[str, Any] | None = None, shards: int = 1, dtype: str = "BF16", **shape: int
) -> int:
    """A folder with config.json and the weights of a Llama; the bytes of all tensors."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**TINY_LLAMA, **(config or {})}))
    tensors = list(llama_shapes(**shape).items())
    if shards == 1:
        return write_safetensors(folder / "model.safetensors", dict(tensors), dtype)
    weight_map: dict[str, str] = {}
    total = 0
    for number in range(shards):
        name = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        own = dict(tensors[number::shards])
        weight_map |= dict.fromkeys(own, name)
        total += write_safetensors(folder / name, own, dtype)
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return total


def gguf_bytes(
    metadata: Mapping[str, Any], tensors: Mapping[str, tuple[Sequence[int], int]], version: int = 3
) -> bytes:
    """A GGUF header: metadata of strings, whole numbers and lists of one kind; tensors as (dimensions, GGML type)."""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, value in metadata.items():
        out += _text(key) + _value(value)
    offset = 0
    for name, (dimensions, kind) in tensors.items():
        out += _text(name) + struct.pack("<I", len(dimensions))
        out += b"".join(struct.pack("<Q", size) for size in dimensions) + struct.pack("<IQ", kind, offset)
        offset += _tensor_bytes(dimensions, kind)
    return out


def write_gguf(
    file: Path, metadata: Mapping[str, Any], tensors: Mapping[str, tuple[Sequence[int], int]]
) -> int:
    """A GGUF file that is complete, but for its bytes being holes; the bytes of its tensors."""
    size = sum(_tensor_bytes(*tensor) for tensor in tensors.values())
    header = gguf_bytes(metadata, tensors)
    with file.open("wb") as stream:
        stream.write(header)
        stream.truncate((len(header) + 31) // 32 * 32 + size)
    return size


def _tensor_bytes(dimensions: Sequence[int], kind: int) -> int:
    _, values_per_block, block_bytes = BLOCKS[kind]
    return math.prod(dimensions) // values_per_block * block_bytes


GGUF_LLAMA: dict[str, Any] = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.context_length": 4096,
    "llama.embedding_length": 2048,
    "llama.feed_forward_length": 8192,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
    "tokenizer.ggml.tokens": ["a"] * 32000,
}
Q4_K, Q6_K, F32 = 12, 14, 0


def gguf_tensors() -> dict[str, tuple[tuple[int, ...], int]]:
    """A two-layer Llama in Q4_K with a Q6_K head."""
    found: dict[str, tuple[tuple[int, ...], int]] = {
        "token_embd.weight": ((2048, 32000), Q4_K),
        "output.weight": ((2048, 32000), Q6_K),
        "output_norm.weight": ((2048,), F32),
    }
    for layer in range(2):
        prefix = f"blk.{layer}."
        for name, shape in (
            ("attn_q", (2048, 2048)),
            ("attn_k", (2048, 512)),
            ("attn_v", (2048, 512)),
            ("attn_output", (2048, 2048)),
            ("ffn_gate", (2048, 8192)),
            ("ffn_up", (2048, 8192)),
            ("ffn_down", (8192, 2048)),
        ):
            found[f"{prefix}{name}.weight"] = (shape, Q4_K)
    return found


def gguf_tensor_bytes() -> int:
    """Of those tensors by hand: 144 bytes per 256 values of Q4_K, 210 of Q6_K, 4 per float32."""
    layer = 2 * 2048 * 2048 + 2 * 2048 * 512 + 3 * 2048 * 8192
    return (2048 * 32000 + 2 * layer) * 144 // 256 + 2048 * 32000 * 210 // 256 + 2048 * 4


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if value and isinstance(value[0], bool):
        return struct.pack("<IIQ", 9, 7, len(value)) + bytes(value)
    if value and isinstance(value[0], int):
        return struct.pack("<IIQ", 9, 4, len(value)) + b"".join(struct.pack("<I", item) for item in value)
    return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_text(item) for item in value)
