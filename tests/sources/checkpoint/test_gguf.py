"""GGUF files: a model and its quantised bytes from the header alone."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from checkpoint_files import gguf_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.plan import Layout, Plan
from vllm_costmeter.sources.checkpoint.gguf import BLOCKS, read_gguf
from vllm_costmeter.sources.model_source import local_model

METADATA: dict[str, Any] = {
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


def tensors() -> dict[str, tuple[tuple[int, ...], int]]:
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


def quantised_bytes() -> int:
    """By hand: 144 bytes per 256 values of Q4_K, 210 of Q6_K, 4 per float32."""
    layer = 2 * 2048 * 2048 + 2 * 2048 * 512 + 3 * 2048 * 8192
    return (2048 * 32000 + 2 * layer) * 144 // 256 + 2048 * 32000 * 210 // 256 + 2048 * 4


def test_a_gguf_file_is_a_model_with_its_quantised_bytes(tmp_path: Path) -> None:
    """Configuration, vocabulary and weights come from one header, alone or in a folder."""
    file = tmp_path / "model.gguf"
    file.write_bytes(gguf_bytes(METADATA, tensors()))
    for path in (file, tmp_path):
        model = local_model(path)
        assert (model.architecture, model.quantization) == ("LlamaForCausalLM", "gguf")
        assert (model.sizes.vocab_size, model.max_model_len) == (32000, 4096)
        assert model.weights_bytes(Plan()) == (quantised_bytes(),)
        assert model.weights_source == "gguf"


def test_ranks_share_the_blocks(tmp_path: Path) -> None:
    """Tensor parallelism halves them; naming the quantisation changes nothing."""
    file = tmp_path / "model.gguf"
    file.write_bytes(gguf_bytes(METADATA, tensors()))
    model = local_model(file)
    half = model.weights_bytes(Plan(layout=Layout(2)))
    assert half[0] == pytest.approx(quantised_bytes() / 2, rel=0.01)
    assert model.weights_bytes(Plan(quantization="gguf")) == model.weights_bytes(Plan())


def test_an_unknown_architecture_is_not_guessed(tmp_path: Path) -> None:
    """Exit 3, with the nearest name."""
    file = tmp_path / "model.gguf"
    file.write_bytes(gguf_bytes({"general.architecture": "llame"}, {}))
    with pytest.raises(NotUnderstoodError, match="nearest: llama"):
        local_model(file)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "ends within its header"),
        (b"GGML" + bytes(40), "does not begin with GGUF"),
        (gguf_bytes({}, {})[:8] + b"\xff" * 16, "tensors, more than"),
        (gguf_bytes({"a": "b"}, {})[:24] + b"\xff" * 8, "bytes in one string"),
        (gguf_bytes({"a": ["b"]}, {})[:-17] + b"\xff" * 8, "items in one array"),
        (gguf_bytes({}, {"t": ((1,) * 9, 0)}), "9 dimensions"),
        (gguf_bytes({}, {"t": ((100,), Q4_K)}), "no whole blocks of Q4_K"),
        (gguf_bytes({}, {}), "general.architecture is missing"),
        (gguf_bytes({"general.architecture": "llama"}, {}), r"llama\.block_count is missing"),
    ],
)
def test_a_hostile_header_is_one_line(tmp_path: Path, data: bytes, says: str) -> None:
    """Counts that would fill the memory, truncated files and missing keys."""
    file = tmp_path / "model.gguf"
    file.write_bytes(data)
    with pytest.raises(BadInputError, match=says) as caught:
        local_model(file)
    assert "\n" not in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_file_never_escapes_as_another_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Bytes changed or cut anywhere in a header."""
    metadata = {**METADATA, "tokenizer.ggml.tokens": ["a", "b"], "llama.layers": [1, 2]}
    damaged = bytearray(gguf_bytes(metadata, {"output.weight": ((256, 4), Q4_K)}))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.getbasetemp() / "fuzz.gguf"
    file.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    with contextlib.suppress(BadInputError, NotUnderstoodError):
        local_model(file)


def test_block_sizes_are_whole() -> None:
    """Every type states a name, values per block and bytes per block."""
    assert all(name and values >= 1 and size >= 1 for name, values, size in BLOCKS.values())
    assert len(BLOCKS) == len({name for name, _, _ in BLOCKS.values()})


def test_version_1_is_not_guessed(tmp_path: Path) -> None:
    """Its counts are 32 bits wide."""
    file = tmp_path / "old.gguf"
    file.write_bytes(gguf_bytes({}, {}, version=1))
    with pytest.raises(NotUnderstoodError, match="version 1"):
        read_gguf(file)
