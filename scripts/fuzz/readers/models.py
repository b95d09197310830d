"""Models: configurations and the headers of weights."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import vllm_costmeter
from scripts.fuzz.reader import ROOT, Reader, written
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.sources.checkpoint.hub_cache import HubCache
from vllm_costmeter.sources.checkpoint.local import checkpoint_in
from vllm_costmeter.sources.checkpoint.model import model_of
from vllm_costmeter.sources.models.local import local_model

SPLIT = EngineArgs(layout=ParallelConfig(tensor_parallel_size=2))
LLAMA = ROOT / "tests/data/models/meta-llama__Llama-3.1-8B-Instruct/config.json"
HEADER = ROOT / "scripts/fuzz/seeds/safetensors-header/1.json"
CONFIGS = ("tests/data/models/*/config.json", "tests/data/wild/models/*/config.json")


def _config(data: bytes, folder: Path) -> None:
    model = local_model(written(folder, "config.json", data).parent)
    model.weights_bytes(SPLIT)
    model.allocator_slack_bytes(SPLIT)


def _whole_check(data: bytes, folder: Path) -> None:
    vllm_costmeter.check(written(folder, "config.json", data), gpu="H100 SXM", vllm_version="0.32.0")


def _safetensors(data: bytes, folder: Path) -> None:
    written(folder, "config.json", LLAMA.read_bytes())
    written(folder, "model.safetensors", data)
    local_model(folder).weights_bytes(SPLIT)


def _safetensors_header(data: bytes, folder: Path) -> None:
    _safetensors(_with_length(data), folder)


def _index(data: bytes, folder: Path) -> None:
    written(folder, "model-00001-of-00001.safetensors", _with_length(HEADER.read_bytes()))
    written(folder, "model.safetensors.index.json", data)
    checkpoint_in(folder)


def _gguf(data: bytes, folder: Path) -> None:
    local_model(written(folder, "model.gguf", data)).weights_bytes(SPLIT)


def _hub_cache(data: bytes, folder: Path) -> None:
    cache = HubCache("https://hub.example", folder, lambda: 2e9)
    for kind in ("ref", "model"):
        cache._file(kind, "a/b", "main").write_bytes(data)
    cache.commit_of("a/b", None, any_age=True)
    found = cache.load("a/b", "main")
    if found is not None:
        model = model_of(found.config, "a/b", found.contents, hf_quant_config=found.hf_quant_config)
        model.weights_bytes(SPLIT)


TENSOR_BYTES = (8 * 4 * 2 + 4) * 2
"""Of the tensors in the seed of the header."""


def _with_length(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + bytes(TENSOR_BYTES)


def _gguf_files() -> list[bytes]:
    facts: dict[str, Any] = {
        "general.architecture": "llama",
        "llama.block_count": 2,
        "llama.context_length": 4096,
        "llama.embedding_length": 32,
        "llama.feed_forward_length": 64,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "tokenizer.ggml.tokens": ["a"] * 16,
    }
    tensors = {
        "token_embd.weight": (32, 16),
        "output_norm.weight": (32,),
        "blk.0.attn_q.weight": (32, 8),
    }
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(facts))
    for key, value in facts.items():
        out += _text(key)
        if isinstance(value, str):
            out += struct.pack("<I", 8) + _text(value)
        elif isinstance(value, int):
            out += struct.pack("<II", 4, value)
        else:
            out += struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
    offset = 0
    for name, shape in tensors.items():
        out += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, offset)
        offset += 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
    return [out + bytes(offset + 32)]


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


MODELS = (
    Reader("config", "config.json of a model", _config, CONFIGS, parses=("sources/model_config/load.py",)),
    Reader("check", "config.json through a whole check", _whole_check, CONFIGS),
    Reader(
        "safetensors",
        "a safetensors file",
        _safetensors,
        built=lambda: [_with_length(HEADER.read_bytes())],
        parses=("sources/checkpoint/local.py",),
    ),
    Reader(
        "safetensors-header",
        "the JSON of a safetensors header",
        _safetensors_header,
        parses=("sources/checkpoint/safetensors_header.py",),
    ),
    Reader(
        "safetensors-index",
        "model.safetensors.index.json",
        _index,
    ),
    Reader(
        "gguf",
        "a GGUF file",
        _gguf,
        built=_gguf_files,
        parses=("sources/checkpoint/gguf.py", "sources/checkpoint/gguf_stream.py"),
    ),
    Reader(
        "hub-cache",
        "what was kept of the Hub",
        _hub_cache,
        parses=("sources/checkpoint/hub_cache.py",),
    ),
)
