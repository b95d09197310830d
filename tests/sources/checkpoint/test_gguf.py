"""GGUF files: a model and its quantized bytes from the header alone."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import pytest
from checkpoint_files import GGUF_LLAMA, gguf_bytes, gguf_tensor_bytes, gguf_tensors, write_gguf
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import takes_at_most

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.sources.checkpoint.gguf import BLOCKS, read_gguf
from vllm_costmeter.sources.models.local import local_model

Q4_K = 12


def test_a_gguf_file_is_a_model_with_its_quantized_bytes(tmp_path: Path) -> None:
    """Configuration, vocabulary and weights come from one header, alone or in a folder."""
    file = tmp_path / "model.gguf"
    write_gguf(file, GGUF_LLAMA, gguf_tensors())
    for path in (file, tmp_path):
        model = local_model(path)
        assert (model.architecture, model.quantization) == ("LlamaForCausalLM", "gguf")
        assert (model.sizes.vocab_size, model.max_model_len) == (32000, 4096)
        assert model.weights_bytes(EngineArgs()) == (gguf_tensor_bytes(),)
        assert model.weights_source == "gguf"


def test_ranks_share_the_blocks(tmp_path: Path) -> None:
    """Tensor parallelism halves them; naming the quantization changes nothing."""
    file = tmp_path / "model.gguf"
    write_gguf(file, GGUF_LLAMA, gguf_tensors())
    model = local_model(file)
    half = model.weights_bytes(EngineArgs(layout=ParallelConfig(2)))
    assert half[0] == pytest.approx(gguf_tensor_bytes() / 2, rel=0.01)
    assert model.weights_bytes(EngineArgs(quantization="gguf")) == model.weights_bytes(EngineArgs())


def test_an_unknown_architecture_has_exact_weights(tmp_path: Path) -> None:
    """Its weights are the file's, what else it needs is not guessed: exit 3 with the nearest name, 1 where the weights
    alone are too much."""
    file = tmp_path / "model.gguf"
    write_gguf(file, {**GGUF_LLAMA, "general.architecture": "llame"}, gguf_tensors())
    model = local_model(file)
    assert (model.architecture, model.quantization) == ("llame", "gguf")
    assert "nearest: llama" in (model.not_understood or "")
    for engine_args in (EngineArgs(), EngineArgs(quantization="gguf")):
        assert model.weights_bytes(engine_args) == (gguf_tensor_bytes(),)
    answers = [
        fit(model, GpuGroup("a GPU", size), EngineArgs(), NEWEST) for size in (gguf_tensor_bytes(), 24 << 30)
    ]
    assert [(each.verdict, each.known_weights_bytes) for each in answers] == [
        ("refused", gguf_tensor_bytes()),
        ("unknown", gguf_tensor_bytes()),
    ]


def test_layers_that_differ_are_not_guessed(tmp_path: Path) -> None:
    """Heads of their own in each layer: weights alone."""
    file = tmp_path / "model.gguf"
    write_gguf(file, {**GGUF_LLAMA, "llama.attention.head_count_kv": [8, 4]}, gguf_tensors())
    model = local_model(file)
    assert "differs from layer to layer" in (model.not_understood or "")
    assert model.weights_bytes(EngineArgs()) == (gguf_tensor_bytes(),)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "ends within its header"),
        (b"GGML" + bytes(40), "does not begin with GGUF"),
        (gguf_bytes({}, {})[:8] + b"\xff" * 16, "tensors, more than"),
        (gguf_bytes({"a": "b"}, {})[:24] + b"\xff" * 8, "bytes in one string"),
        (gguf_bytes({"a": ["b"]}, {})[:-17] + b"\xff" * 8, "items in one array"),
        (gguf_bytes({}, {"t": ((1,) * 9, 0)}), "9 dimensions"),
        (gguf_bytes({}, {"t": ((100,), Q4_K)}), "not a whole number of Q4_K blocks"),
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


def test_arrays_without_end_cost_little(tmp_path: Path) -> None:
    """Seven arrays of two million empty strings each, all holes of a sparse file: refused in bounded time."""
    file, most = tmp_path / "model.gguf", 2_000_000
    with file.open("wb") as stream:
        stream.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 7))
        for _ in range(7):
            stream.write(struct.pack("<Q", 1) + b"a" + struct.pack("<IIQ", 9, 8, most))
            stream.seek(8 * most, 1)
        stream.truncate()

    def refused() -> None:
        with pytest.raises(BadInputError, match="more than 3000000 items"):
            local_model(file)

    assert takes_at_most(3.0, refused)


def test_a_cut_off_file_is_not_weighed(tmp_path: Path) -> None:
    """Its header is whole, its tensors are not."""
    file = tmp_path / "model.gguf"
    write_gguf(file, GGUF_LLAMA, gguf_tensors())
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size - 64)
    with pytest.raises(BadInputError, match="an incomplete download"):
        local_model(file)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_file_never_escapes_as_another_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Bytes changed or cut anywhere in a header."""
    metadata = {**GGUF_LLAMA, "tokenizer.ggml.tokens": ["a", "b"], "llama.layers": [1, 2]}
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
