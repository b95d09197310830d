"""A head's checkpoint: what vLLM makes of its config.json, and which tables it keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.builders.checkpoint_files import TINY_LLAMA, write_safetensors
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.model_config import model_from_config
from vllm_costmeter.sources.models.draft_config import head_config
from vllm_costmeter.sources.models.drafter import open_draft_model, with_drafter

DATA = Path(__file__).parents[2] / "data"
HEAD = {**TINY_LLAMA, "num_hidden_layers": 1, "model_type": "qwen3", "head_dim": 64, "block_size": 8}
DFLASH = {**HEAD, "architectures": ["DFlashDraftModel"], "dflash_config": {"target_layer_ids": [0, 1, 2]}}
TABLE = 32_000 * 2048 * 2
LAYERS = {
    "layers.0.self_attn.q_proj.weight": (2048, 2048),
    "layers.0.self_attn.k_proj.weight": (512, 2048),
    "layers.0.self_attn.v_proj.weight": (512, 2048),
    "layers.0.self_attn.o_proj.weight": (2048, 2048),
    "layers.0.mlp.gate_proj.weight": (8192, 2048),
    "layers.0.mlp.up_proj.weight": (8192, 2048),
    "layers.0.mlp.down_proj.weight": (2048, 8192),
    "fc.weight": (2048, 6144),
}


def opened(folder: Path, config: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> tuple[Model, int]:
    (folder / "config.json").write_text(json.dumps(config))
    size = write_safetensors(folder / "model.safetensors", shapes)
    return open_draft_model(str(folder), "dflash"), size


def test_tables_that_the_files_lack_are_the_models(tmp_path: Path) -> None:
    """Without an embedding and an output head the head is its layers; with one of them, it keeps that."""
    bare, size = opened(tmp_path, DFLASH, LAYERS)
    assert bare.weights_bytes(EngineArgs()) == (size,)
    headed, with_head = opened(tmp_path, DFLASH, {**LAYERS, "lm_head.weight": (32_000, 2048)})
    assert headed.weights_bytes(EngineArgs()) == (with_head,)
    assert with_head == size + TABLE


def test_without_files_the_tables_are_counted_and_the_answer_says_so(tmp_path: Path) -> None:
    """config.json does not state which the checkpoint holds."""
    (tmp_path / "config.json").write_text(json.dumps(DFLASH))
    asked = {"method": "dflash", "model": str(tmp_path), "num_speculative_tokens": 7}
    engine_args = EngineArgs(speculative_config=asked)
    model = with_drafter(model_from_config(TINY_LLAMA, "target"), engine_args)
    assert model.drafter is not None
    assert model.drafter.bytes_on_last_rank(engine_args) > 2 * TABLE
    assert any("vLLM frees those that its checkpoint lacks" in note for note in model.notes)


@pytest.mark.parametrize(
    ("config", "name", "method", "served"),
    [
        ({"architectures": ["LlamaForCausalLM"]}, "a", "eagle", "EagleLlamaForCausalLM"),
        ({"architectures": ["LlamaForCausalLM"]}, "a", "eagle3", "Eagle3LlamaForCausalLM"),
        ({"architectures": ["LlamaForCausalLMEagle3"]}, "org/EAGLE3-x", None, "LlamaForCausalLMEagle3"),
        ({"architectures": ["LagunaForCausalLM"]}, "a", "dflash", "DFlashLagunaForCausalLM"),
        ({"architectures": ["Qwen3ForCausalLM"]}, "org/x-DFlash-b16", None, "DFlashQwen3ForCausalLM"),
        ({"architectures": ["DSparkDraftModel"], "model_type": "qwen3"}, "a", "dspark", "Qwen3DSparkModel"),
        ({"architectures": ["Qwen3DSparkModel"]}, "a", None, "Qwen3DSparkModel"),
        ({"architectures": ["X"], "model_type": "deepseek_v3"}, "a", "eagle", "EagleDeepSeekMTPModel"),
        (
            {"architectures": ["MuseGlimmerAssistantModel"]},
            "a",
            None,
            "DFlashMuseGlimmerAssistantModel",
        ),
        ({"model_type": "gemma4_assistant"}, "a", "mtp", "Gemma4MTPModel"),
        ({"model_type": "medusa"}, "a", None, "MedusaModel"),
        ({"medusa_num_heads": 4}, "a", "medusa", "MedusaModel"),
    ],
)
def test_a_head_is_served_by_the_name_vllm_gives_it(
    config: dict[str, Any], name: str, method: str | None, served: str
) -> None:
    """By the method, or by what the checkpoint is and is called (`EAGLEConfig`, `SpeculativeConfig`)."""
    found = head_config(config, name, method)
    assert found is not None
    assert found["architectures"][0] == served


@pytest.mark.parametrize(
    ("config", "limit"),
    [
        ({}, None),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, None),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, None),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 8.0}}, 8192),
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}, 16_384),
        ({"rope_scaling": {"type": "su", "factor": 4.0}, "original_max_position_embeddings": 2048}, 2048),
    ],
)
def test_a_head_limits_the_context_if_its_positions_cannot_be_raised(
    tmp_path: Path, config: dict[str, Any], limit: int | None
) -> None:
    """By the kind of its rotary positions (`_rope_only_sizes_cache` of vLLM 0.33)."""
    head = {**DFLASH, "max_position_embeddings": 8192, **config}
    (tmp_path / "config.json").write_text(json.dumps(head))
    asked = {"method": "dflash", "model": str(tmp_path), "num_speculative_tokens": 7}
    facts = with_drafter(
        model_from_config(TINY_LLAMA, "target"), EngineArgs(speculative_config=asked)
    ).draft_facts
    assert facts is not None
    assert facts.max_model_len == limit


def test_a_whole_model_is_no_head() -> None:
    """It is opened like any model."""
    assert head_config({"architectures": ["Qwen3ForCausalLM"]}, "org/Qwen3-0.6B", None) is None
    assert head_config({"architectures": ["Qwen3ForCausalLM"]}, "org/Qwen3-0.6B", "mtp") is None


def test_a_head_of_speculators_without_its_layers_is_bad_input() -> None:
    """One line that names the missing section."""
    with pytest.raises(BadInputError, match="transformer_layer_config is missing"):
        head_config({"speculators_model_type": "eagle3"}, "org/x", None)


def test_prediction_layers_of_another_checkpoint_are_that_ones() -> None:
    """`--speculative-config.method mtp` with a model: its layers beside the target's tables."""
    draft = model_from_config(
        json.loads((DATA / "models" / "deepseek-ai__DeepSeek-V3" / "config.json").read_text()), "draft"
    )
    asked = {"method": "mtp", "model": "draft", "num_speculative_tokens": 1}
    model = with_drafter(
        model_from_config(TINY_LLAMA, "target"), EngineArgs(speculative_config=asked), lambda *_: draft
    )
    assert draft.prediction is not None
    assert model.drafter is not None
    assert model.drafter.weights is draft.prediction.weights


def test_medusa_has_an_output_head_per_token_of_the_models(tmp_path: Path) -> None:
    """Old checkpoints state no vocabulary (`SpeculativeConfig.__post_init__`)."""
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 2048, "medusa_num_heads": 3}))
    asked = {"method": "medusa", "model": str(tmp_path), "num_speculative_tokens": 3}
    engine_args = EngineArgs(speculative_config=asked)
    drafter = with_drafter(model_from_config(TINY_LLAMA, "target"), engine_args).drafter
    assert drafter is not None
    assert drafter.bytes_on_last_rank(engine_args) == 3 * (TABLE + 2048 * 2048 * 2)
