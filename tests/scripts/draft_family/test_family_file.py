"""The draft of a family's file, from what vLLM built: here a model of two layers, written down by hand."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.draft_family.family_file import constant_of, family_file
from scripts.draft_family.sizes import Sizes

CONFIG = {
    "architectures": ["Step9ForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 96,
    "moe_intermediate_size": 40,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 24,
    "n_routed_experts": 10,
    "sliding_window": 128,
    "vocab_size": 320,
    "max_position_embeddings": 512,
}


def _tensors(tp: int) -> dict[str, Any]:
    layer = {
        "self_attn.qkv_proj.weight": [192 // tp, 64],
        "self_attn.o_proj.weight": [64, 96 // tp],
        "self_attn.q_norm.weight": [24],
        "self_attn.k_norm.weight": [24],
        "input_layernorm.weight": [64],
    }
    dense = {"mlp.gate_up_proj.weight": [192 // tp, 64], "mlp.down_proj.weight": [64, 96 // tp]}
    sparse = {
        "mlp.gate.weight": [10, 64],
        "mlp.experts.routed_experts.w13_weight": [10, 80 // tp, 64],
        "mlp.experts.routed_experts.w2_weight": [10, 64, 40 // tp],
        "mlp.slopes": [4 // tp],
    }
    named = {f"model.layers.0.{name}": shape for name, shape in {**layer, **dense}.items()}
    named |= {f"model.layers.1.{name}": shape for name, shape in {**layer, **sparse}.items()}
    return {name: [shape, "bfloat16"] for name, shape in named.items()} | {
        "model.embed_tokens.weight": [[320 // tp, 64], "bfloat16"]
    }


def _rank(tp: int) -> dict[str, Any]:
    tensors = _tensors(tp)
    kinds = {"gate": "GateLinear", "embed_tokens": "VocabParallelEmbedding", "qkv_proj": "QKVParallelLinear"}
    owners = {name.rpartition(".")[0] for name in tensors}
    cache = {"page_bytes": 1, "block_size": 16, "num_kv_heads": 2, "head_size": 24, "head_size_v": 24}
    return {
        "tp": tp,
        "pp": 1,
        "parameters": tensors,
        "buffers": {
            "model.layers.0.self_attn.rotary_emb.cos_sin_cache": [[512, 24], "bfloat16"],
            **{f"model.layers.{index}.self_attn.attn._k_scale": [[], "float32"] for index in (0, 1)},
        },
        "classes": {
            owner: kinds.get(owner.rpartition(".")[2], "RMSNorm" if "norm" in owner else "RowParallelLinear")
            for owner in owners
        },
        "caches": {
            "model.layers.0.self_attn.attn": {"kind": "FullAttentionSpec", **cache},
            "model.layers.1.self_attn.attn": {"kind": "SlidingWindowSpec", "sliding_window": 128, **cache},
        },
    }


DRAFT = family_file(CONFIG, [_rank(1), _rank(2)], "0.32")


@pytest.mark.parametrize(
    "line",
    [
        '*attention(source, "self_attn", rotary, qk_norm="head"),',
        '*gated_mlp("mlp", hidden, source.intermediate_size),',
        'router("mlp.gate", hidden, text.int("n_routed_experts", minimum=1)),',
        'experts("mlp.experts", text.int("n_routed_experts", minimum=1), hidden, text.int("moe_intermediate_size", '
        "minimum=1)),",
        '*norms(hidden, "input_layernorm"),',
        'Tensor("mlp.slopes", source.num_heads, split=True),',
        "# layers 0",
        "# layers 1",
        "STEP9 = Family(decoder)",
    ],
)
def test_each_piece_is_drafted_in_the_files_own_words(line: str) -> None:
    """Sizes are keys of config.json, a split is what differs between TP 1 and TP 2."""
    assert line in [one.strip() for one in DRAFT.splitlines()]


def test_a_window_is_part_of_its_attention() -> None:
    """The layer's cache says so."""
    assert 'window=text.int("sliding_window", minimum=1), qk_norm="head"),' in DRAFT


def test_a_draft_is_python() -> None:
    """It compiles as it is printed, so that an editor and a linter can work on it."""
    compile(DRAFT, "draft.py", "exec")


def test_a_number_of_several_keys_is_said_to_be_one() -> None:
    """A person chooses; likely names go first."""
    sizes = Sizes({"num_attention_heads": 8, "num_experts": 8, "hidden_size": 64})
    assert (sizes.text(8, "experts"), sizes.text(8), sizes.text(512), sizes.text(7)) == (
        'text.int("num_experts", minimum=1)',
        "source.num_heads",
        "hidden * source.num_heads",
        "7",
    )
    assert "8 is num_attention_heads and num_experts" in sizes.guesses
    assert "7 is no value of the file" in sizes.guesses


def test_the_constant_is_the_architectures_name() -> None:
    assert constant_of({"architectures": ["SarvamMLAForCausalLM"]}) == "SARVAMMLA"


def test_a_layout_that_vllm_refuses_is_said_to_be_unknown() -> None:
    """Splits are then those of vLLM's classes."""
    draft = family_file(CONFIG, [_rank(1)], "0.32")
    assert "# vLLM refuses TP 2: what it would say is a guess" in draft
    assert "# vLLM refuses PP 2: what it would say is a guess" in draft
