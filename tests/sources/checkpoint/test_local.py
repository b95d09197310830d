"""The weights of a local folder: exact, fast, and bounded against hostile headers."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest
from checkpoint_files import TINY_LLAMA, header, llama_shapes, write_checkpoint, write_raw, write_safetensors
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import alone, takes_at_most, traced

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.checkpoint.local import checkpoint_in
from vllm_costmeter.sources.checkpoint.safetensors_header import header_length, parse_header
from vllm_costmeter.sources.models.local import local_model


@pytest.mark.parametrize("shards", [1, 3])
def test_weights_are_the_files_own_bytes(tmp_path: Path, shards: int) -> None:
    """One file or several with an index: on one GPU the weights are the tensors' bytes, to the byte."""
    total = write_checkpoint(tmp_path, shards=shards)
    model = local_model(tmp_path)
    assert model.weights_bytes(EngineArgs()) == (total,)
    assert (model.weights_source, model.weights_error, model.notes) == ("safetensors", 0.0, ())


def test_what_vllm_allocates_beside_the_files_is_not_lost(tmp_path: Path) -> None:
    """The rotary table is in no file: it is counted beside the weights, as without a checkpoint."""
    write_checkpoint(tmp_path)
    exact, described = local_model(tmp_path), local_model(tmp_path / "config.json")
    assert (
        exact.weights_bytes(EngineArgs())[0] + exact.converted_bytes(EngineArgs())[0]
        == described.weights_bytes(EngineArgs())[0]
    )


@pytest.mark.parametrize("layout", [ParallelConfig(2), ParallelConfig(1, 2), ParallelConfig(2, 2)])
def test_ranks_share_the_files_as_the_model_divides(tmp_path: Path, layout: ParallelConfig) -> None:
    """Tensor and pipeline ranks hold what the model's own division gives them, up to the buffers' share."""
    write_checkpoint(tmp_path)
    exact, described = local_model(tmp_path), local_model(tmp_path / "config.json")
    engine_args = EngineArgs(layout=layout)
    for own, whole in zip(
        exact.weights_bytes(engine_args), described.weights_bytes(engine_args), strict=True
    ):
        assert own == pytest.approx(whole, rel=2e-3)


def test_a_float32_checkpoint_is_served_in_half_its_bytes(tmp_path: Path) -> None:
    """vLLM's `--dtype auto` casts float32 to bfloat16."""
    total = write_checkpoint(tmp_path, {"torch_dtype": "float32"}, dtype="F32")
    assert local_model(tmp_path).weights_bytes(EngineArgs()) == (total // 2,)


def test_what_vllm_does_not_load_is_not_counted(tmp_path: Path) -> None:
    """Prediction layers beyond the model's own, stored rotary tables, and the copy of a tied head."""
    shapes = llama_shapes()
    (tmp_path / "config.json").write_text(json.dumps({**TINY_LLAMA, "tie_word_embeddings": True}))
    head = 32000 * 2048 * 2
    extra = {
        "model.layers.4.eh_proj.weight": (2048, 4096),
        "mtp.layers.0.mlp.up_proj.weight": (2048, 4096),
        "model.layers.0.self_attn.rotary_emb.inv_freq": (64,),
    }
    write_safetensors(tmp_path / "model.safetensors", {**shapes, **extra})
    counted = sum(2 * _product(shape) for shape in shapes.values()) - head
    model = local_model(tmp_path)
    assert model.weights_bytes(EngineArgs()) == (counted,)
    (note,) = model.notes
    assert note == (
        "its files contain an output head of their own (0.12 GiB), although config.json ties it to the embedding: "
        "counted as the same, which vLLM 0.29 and newer check as they load it; another stays in memory"
    )


def _product(shape: tuple[int, ...]) -> int:
    return shape[0] * (shape[1] if len(shape) > 1 else 1)


def test_an_embedder_has_no_output_head(tmp_path: Path) -> None:
    """vLLM serves a sentence-transformers folder for pooling: the head is neither counted nor kept."""
    total = write_checkpoint(tmp_path)
    (tmp_path / "modules.json").write_text("[]")
    model = local_model(tmp_path)
    assert model.is_pooling
    assert model.weights_bytes(EngineArgs()) == (total - 32000 * 2048 * 2,)
    assert model.notes == ()


def test_files_of_another_model_are_said_so(tmp_path: Path) -> None:
    """The files' bytes are the weights, and the answer warns that config.json describes something else."""
    total = write_checkpoint(tmp_path, {"num_hidden_layers": 40})
    model = local_model(tmp_path)
    assert model.weights_bytes(EngineArgs()) == (total,)
    assert "one of them is from another model" in model.notes[0]
    assert model.weights_error > 1e-3


def test_an_unknown_architecture_has_exact_weights(tmp_path: Path) -> None:
    """Its weights are known on one GPU; the model says that the rest is not."""
    total = write_checkpoint(tmp_path, {"architectures": ["NeverSeenForCausalLM"]})
    model = local_model(tmp_path)
    assert model.weights_bytes(EngineArgs()) == (total,)
    assert "NeverSeenForCausalLM" in (model.not_understood or "")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """What is no file is not read."""
    (tmp_path / "config.json").write_text(json.dumps(TINY_LLAMA))
    os.mkfifo(tmp_path / "model.safetensors")
    assert local_model(tmp_path).weights_source == "config"


@pytest.mark.parametrize(
    ("data", "length", "says"),
    [
        (b"", 10_000_000_000, "states a header of 10000000000 bytes"),
        (b"", 2**64 - 1, "a corrupt file"),
        (b"{}", 50_000_000, "ends within its header"),
        (b"\xff\xfe{}", None, "not JSON in UTF-8"),
        (b"[]", None, "must be a JSON object"),
        (b"[" * 100_000, None, "not JSON in UTF-8"),
        (b'{"a": 1}', None, "must have dtype, shape and data_offsets"),
        (b'{"a": {"dtype": "Q9", "shape": [1], "data_offsets": [0, 2]}}', None, "dtype 'Q9' is not known"),
        (b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}', None, "must have"),
        (b'{"a": {"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]}}', None, "must have"),
        (b'{"a": {"dtype": "F32", "shape": "11", "data_offsets": [0, 4]}}', None, "must have"),
        (b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}', None, "4 bytes for 2 x F32"),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}', None, "overlap or leave a gap"),
        (
            b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},'
            b'"b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}',
            None,
            "overlap or leave a gap at byte 4",
        ),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', None, "an incomplete download"),
    ],
)
def test_a_hostile_header_is_one_line(tmp_path: Path, data: bytes, length: int | None, says: str) -> None:
    """Whatever a header claims, the answer is one line that names the file."""
    write_checkpoint(tmp_path)
    write_raw(tmp_path / "model.safetensors", data, length=length)
    with pytest.raises(BadInputError, match=says) as caught:
        local_model(tmp_path)
    assert "model.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


def refusal(folder: Path) -> tuple[str, bool, int]:
    """The error, whether it comes within two seconds, and bytes held at most; what it imports is not what it takes."""
    said: list[str] = []

    def read() -> None:
        try:
            checkpoint_in(folder)
        except BadInputError as error:
            said.append(str(error))

    read()
    _, peak = traced(read)
    return said[-1], takes_at_most(2.0, read), peak


def test_a_million_tensors_cost_neither_time_nor_memory(tmp_path: Path) -> None:
    """A header of 51 MB is refused before it is parsed."""
    entry = b'"x":{"dtype":"U8","shape":[],"data_offsets":[0,1]},'
    data = b"{" + entry * 1_000_000 + b'"y":{}}'
    write_raw(tmp_path / "model.safetensors", data, 1)
    said, is_fast, peak = alone(refusal, tmp_path)
    assert "more than 200000 tensors" in said
    assert is_fast
    assert peak < len(data) + (1 << 20)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_header_never_escapes_as_another_error(data: st.DataObject) -> None:
    """Bytes changed anywhere: the header reads, or the fault is BadInputError."""
    entries, size = header({"model.layers.0.weight": (4, 4), "lm_head.weight": (2, 2)})
    damaged = bytearray(json.dumps(entries).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadInputError):
        assert parse_header(bytes(damaged), "x", size).total_bytes == size


@given(st.binary(max_size=12), st.integers(0, 1 << 40))
def test_any_first_bytes_are_a_length_in_bounds_or_a_fault(prefix: bytes, size: int) -> None:
    """Nothing is allocated for a length that the file does not have."""
    with contextlib.suppress(BadInputError):
        assert 0 <= header_length(prefix, "x", size) <= min(size, 100_000_000)


def test_a_name_decides_nothing_where_files_do(tmp_path: Path) -> None:
    """A folder called FP8 with bfloat16 files is what its files are; config.json alone leaves a range and says so."""
    folder = tmp_path / "tiny-FP8"
    folder.mkdir()
    write_checkpoint(folder)
    assert (local_model(folder).only_named, local_model(folder).notes) == (None, ())
    alone = local_model(folder / "config.json")
    assert alone.only_named is not None
    assert "name contains FP8" in alone.notes[0]
