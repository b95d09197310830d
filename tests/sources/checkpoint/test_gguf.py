"""GGUF files: a model and its quantised bytes from the header alone."""

from __future__ import annotations

import contextlib
import json
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from checkpoint_files import TINY_LLAMA, gguf_bytes, write_gguf
from hypothesis import given, settings
from hypothesis import strategies as st

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit import fit
from vllm_costmeter.core.gpu import Gpu
from vllm_costmeter.core.plan import Layout, Plan
from vllm_costmeter.sources.checkpoint.gguf import BLOCKS, read_gguf
from vllm_costmeter.sources.model_source import local_model, open_model

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
    write_gguf(file, METADATA, tensors())
    for path in (file, tmp_path):
        model = local_model(path)
        assert (model.architecture, model.quantization) == ("LlamaForCausalLM", "gguf")
        assert (model.sizes.vocab_size, model.max_model_len) == (32000, 4096)
        assert model.weights_bytes(Plan()) == (quantised_bytes(),)
        assert model.weights_source == "gguf"


def test_ranks_share_the_blocks(tmp_path: Path) -> None:
    """Tensor parallelism halves them; naming the quantisation changes nothing."""
    file = tmp_path / "model.gguf"
    write_gguf(file, METADATA, tensors())
    model = local_model(file)
    half = model.weights_bytes(Plan(layout=Layout(2)))
    assert half[0] == pytest.approx(quantised_bytes() / 2, rel=0.01)
    assert model.weights_bytes(Plan(quantization="gguf")) == model.weights_bytes(Plan())


def test_an_unknown_architecture_has_exact_weights(tmp_path: Path) -> None:
    """Its weights are the file's, what else it needs is not guessed: exit 3 with the nearest name, 1 where the weights
    alone are too much."""
    file = tmp_path / "model.gguf"
    write_gguf(file, {**METADATA, "general.architecture": "llame"}, tensors())
    model = local_model(file)
    assert (model.architecture, model.quantization) == ("llame", "gguf")
    assert "nearest: llama" in (model.not_understood or "")
    for plan in (Plan(), Plan(quantization="gguf")):
        assert model.weights_bytes(plan) == (quantised_bytes(),)
    answers = [fit(model, Gpu("card", size), Plan()) for size in (quantised_bytes(), 24 << 30)]
    assert [(each.verdict, each.known_weights_bytes) for each in answers] == [
        ("refused", quantised_bytes()),
        ("unknown", quantised_bytes()),
    ]


def test_layers_that_differ_are_not_guessed(tmp_path: Path) -> None:
    """Heads of their own in each layer: weights alone."""
    file = tmp_path / "model.gguf"
    write_gguf(file, {**METADATA, "llama.attention.head_count_kv": [8, 4]}, tensors())
    model = local_model(file)
    assert "differs from layer to layer" in (model.not_understood or "")
    assert model.weights_bytes(Plan()) == (quantised_bytes(),)


def write_parts(folder: Path, parts: int = 3) -> list[Path]:
    """The model as llama-gguf-split leaves it: the metadata are in the first part."""
    items = list(tensors().items())
    files = []
    for number in range(parts):
        split = {"split.no": number, "split.count": parts}
        file = folder / f"model-Q4_K_M-{number + 1:05}-of-{parts:05}.gguf"
        own = {**METADATA, **split} if number == 0 else split
        write_gguf(file, own, dict(items[number::parts]))
        files.append(file)
    return files


def test_a_split_file_is_one_model(tmp_path: Path) -> None:
    """Named by any of its parts, by its folder, or by folder and quantisation, as vLLM takes it."""
    files = write_parts(tmp_path)
    (tmp_path / "mmproj-F16.gguf").write_bytes(b"an image encoder")
    for path in (*files, tmp_path, Path(f"{tmp_path}:Q4_K_M")):
        model = local_model(path)
        assert model.weights_bytes(Plan()) == (quantised_bytes(),)
        assert (model.not_understood, model.is_tied) == (None, False)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    """Half a download is not weighed."""
    files = write_parts(tmp_path)
    files[1].unlink()
    for path in (files[0], tmp_path):
        with pytest.raises(
            BadInputError, match=r"model-Q4_K_M-00002-of-00003\.gguf is missing: an incomplete"
        ):
            local_model(path)


def test_several_models_in_a_folder_are_told_apart(tmp_path: Path) -> None:
    """The fault names them; the quantisation chooses, and one that is not there is said so."""
    write_parts(tmp_path)
    write_gguf(tmp_path / "model-Q8_0.gguf", METADATA, {"output.weight": ((256, 4), Q4_K)})
    with pytest.raises(BadInputError, match=r"holds 2 GGUF models \(model-Q8_0\.gguf, model-Q4_K_M-00001"):
        local_model(tmp_path)
    assert local_model(Path(f"{tmp_path}:Q8_0")).weights_bytes(Plan()) == (576,)
    with pytest.raises(BadInputError, match="no GGUF file is of 'Q2_K'"):
        local_model(Path(f"{tmp_path}:Q2_K"))


def test_a_config_beside_the_file_is_the_models_own(tmp_path: Path) -> None:
    """As vLLM 0.24 and newer read it: any family, the file's own tokens and head, and no other quantisation."""
    file = tmp_path / "model.gguf"
    unknown = {"general.architecture": "qwen3next", "tokenizer.ggml.tokens": ["a"] * 32000}
    write_gguf(file, unknown, tensors())
    beside = {**TINY_LLAMA, "vocab_size": 7, "tie_word_embeddings": True, "num_hidden_layers": 2}
    fp8 = {"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic"}
    (tmp_path / "config.json").write_text(json.dumps({**beside, "quantization_config": fp8}))
    for path in (file, tmp_path):
        model = local_model(path)
        assert (model.architecture, model.quantization) == ("LlamaForCausalLM", "gguf")
        assert (model.sizes.vocab_size, model.is_tied) == (32000, False)
        assert model.weights_bytes(Plan()) == (quantised_bytes(),)
        assert len(model.attention.layers) == 2


def test_a_gguf_of_the_hub_says_what_to_do(tmp_path: Path) -> None:
    """Its header is not read over the network."""
    for name in ("unsloth/Qwen3-8B-GGUF:Q4_K_M", "unsloth/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf"):
        with pytest.raises(NotUnderstoodError, match="download it and check that file"):
            open_model(name)


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


def test_arrays_without_end_cost_little(tmp_path: Path) -> None:
    """Seven arrays of two million empty strings each, all holes of a sparse file: refused in bounded time."""
    file, most = tmp_path / "model.gguf", 2_000_000
    with file.open("wb") as stream:
        stream.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 7))
        for _ in range(7):
            stream.write(struct.pack("<Q", 1) + b"a" + struct.pack("<IIQ", 9, 8, most))
            stream.seek(8 * most, 1)
        stream.truncate()
    begin = time.process_time()
    with pytest.raises(BadInputError, match="more than 3000000 items"):
        local_model(file)
    assert time.process_time() - begin < 3


def test_a_cut_off_file_is_not_weighed(tmp_path: Path) -> None:
    """Its header is whole, its tensors are not."""
    file = tmp_path / "model.gguf"
    write_gguf(file, METADATA, tensors())
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
