"""Architectures that vLLM has no class for, as its Transformers backend serves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.builders.checkpoint_files import TINY_LLAMA, llama_shapes, write_safetensors
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.attention import FullAttention, SlidingWindow
from vllm_costmeter.core.model.checkpoint import CheckpointContents, TensorGroup
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.sources.model_config.stock import OWN_CLASSES, TRANSFORMERS_CLASSES, stock_model
from vllm_costmeter.sources.models.local import local_model

DATA = Path(__file__).parents[2] / "data"

H100 = GpuGroup("H100 SXM", round(79.19 * 2**30), count=8, compute_capability=(9, 0))
CODE = {"AutoModel": "modeling_brand_new.BrandNewModel"}
NEW = {**TINY_LLAMA, "architectures": ["BrandNewForCausalLM"], "model_type": "brand_new", "auto_map": CODE}
TWO = EngineArgs(layout=ParallelConfig(2))


def written(
    folder: Path, shapes: dict[str, tuple[int, ...]] | None = None, **changes: Any
) -> tuple[Model, int]:
    """(the model of a folder with this config.json and these tensors, their bytes)."""
    (folder / "config.json").write_text(json.dumps({**NEW, **changes}))
    size = write_safetensors(folder / "model.safetensors", shapes or llama_shapes())
    return local_model(folder), size


def test_a_decoder_of_the_usual_shape_has_its_files_weights_and_a_cache(tmp_path: Path) -> None:
    """Exact on one GPU, shared over two as a Llama is, with keys and values of every token; the answer says how."""
    model, size = written(tmp_path)
    assert model.weights_bytes(EngineArgs()) == (size,)
    assert model.weights_bytes(TWO)[0] == pytest.approx(size / 2, rel=0.01)
    assert model.attention.layers == ((FullAttention(8, 64),),) * 4
    result = fit(model, H100, EngineArgs(max_model_len=2048), NEWEST)
    assert result.verdict == "fits"
    assert any("no class of its own for BrandNewForCausalLM" in note for note in model.notes)


def test_windows_are_those_the_backend_makes(tmp_path: Path) -> None:
    """By `layer_types`, whose chunks are cached whole; without a list one window for all."""
    kinds = ["sliding_attention", "full_attention", "chunked_attention", "sliding_attention"]
    model, _ = written(tmp_path, layer_types=kinds, sliding_window=512)
    window, whole = (SlidingWindow(8, 64, 512),), (FullAttention(8, 64),)
    assert model.attention.layers == (window, whole, whole, window)
    model, _ = written(tmp_path, sliding_window=512)
    assert model.attention.layers == (window,) * 4


def test_an_mlp_of_two_matrices_is_told_by_its_files(tmp_path: Path) -> None:
    """config.json does not say whether a gate stands beside it."""
    shapes = {name: shape for name, shape in llama_shapes().items() if "gate_proj" not in name}
    model, size = written(tmp_path, shapes)
    assert model.not_understood is None
    assert model.weights_bytes(EngineArgs()) == (size,)


@pytest.mark.parametrize(
    "changes",
    [
        {"kv_lora_rank": 512},
        {"auto_map": None},
        {"auto_map": {"AutoConfig": "configuration_brand_new.BrandNewConfig"}},
        {"architectures": ["Dots3NoteForCausalLM"]},
        {"architectures": ["BrandNewForConditionalGeneration"]},
        {"layer_types": ["linear_attention"] * 4},
        {"intermediate_size": 40_000},
        {"num_hidden_layers": None},
    ],
)
def test_what_is_no_such_decoder_stays_unknown(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Another shape, no code known, a class of vLLM's own, or files that hold another model: weights on one GPU, and no
    verdict."""
    model, size = written(tmp_path, **changes)
    assert model.not_understood is not None
    assert model.weights_bytes(EngineArgs()) == (size,)
    with pytest.raises(NotUnderstoodError):
        model.weights_bytes(TWO)


def test_without_files_its_weights_are_not_known(tmp_path: Path) -> None:
    """A config.json alone does not say what stands in a layer."""
    (tmp_path / "config.json").write_text(json.dumps(NEW))
    assert local_model(tmp_path).not_understood is not None


def test_shares_are_what_vllm_gives_each_rank() -> None:
    """Solar Open, which vLLM has no class for and transformers has: bytes per rank as vLLM 0.32 builds it, to 128."""
    line = next(
        line
        for line in map(json.loads, (DATA / "transformers_vllm_0.32.jsonl").read_text().splitlines())
        if line["name"] == "solar-open"
    )
    (whole,) = line["answers"][0]["weights_bytes"]
    contents = CheckpointContents(
        "safetensors", (TensorGroup("weights", None, "BF16", whole, whole // 2),), 1, 1
    )
    model = stock_model(line["config"], "solar-open", contents)
    assert model is not None
    for answer in line["answers"]:
        layout = ParallelConfig(
            answer.get("tensor_parallel_size", 1), answer.get("pipeline_parallel_size", 1)
        )
        ours = model.weights_bytes(EngineArgs(layout=layout))
        assert ours == pytest.approx(answer["weights_bytes"], abs=128)


def test_a_class_is_vllms_own_or_transformers() -> None:
    """The two lists share no name; Llama and Solar Open stand where they belong."""
    own, transformers = (set(file.read_text().split()) for file in (OWN_CLASSES, TRANSFORMERS_CLASSES))
    assert not own & transformers
    assert "LlamaForCausalLM" in own
    assert "SolarOpenForCausalLM" in transformers
