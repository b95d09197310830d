"""GGUF metadata as llama.cpp's converter writes them, against the config.json they were written from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from checkpoint_files import write_gguf

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.sources.checkpoint.gguf import read_gguf
from vllm_costmeter.sources.checkpoint.gguf_config import config_of
from vllm_costmeter.sources.model_config import model_from_config
from vllm_costmeter.sources.models.local import local_model

DATA = Path(__file__).parents[2] / "data"
SMALL = {
    line["name"]: line["config"]
    for line in map(json.loads, (DATA / "families_vllm_0.32.jsonl").read_text().splitlines())
}
TINY = {
    "hidden_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "intermediate_size": 1024,
    "vocab_size": 1000,
    "max_position_embeddings": 2048,
}
EVERY_FOURTH = ["sliding_attention"] * 3 + ["full_attention"]


def published(name: str) -> dict[str, Any]:
    """A trimmed config.json of the Hub."""
    config: dict[str, Any] = json.loads((DATA / "models" / name / "config.json").read_text())
    return {key: value for key, value in config.items() if key != "quantization_config"}


def tiny(class_name: str, model_type: str, **more: Any) -> dict[str, Any]:
    return {**TINY, "architectures": [class_name], "model_type": model_type, "dtype": "bfloat16", **more}


CONFIGS: list[tuple[str, dict[str, Any]]] = [
    ("llama", published("meta-llama__Llama-3.1-8B-Instruct")),
    ("llama", published("mistralai__Mixtral-8x7B-v0.1")),
    ("llama", tiny("LlamaForCausalLM", "llama", head_dim=128)),
    ("qwen2", published("Qwen__Qwen2.5-7B-Instruct")),
    ("qwen3", published("Qwen__Qwen3-32B")),
    ("qwen3moe", published("Qwen__Qwen3-30B-A3B")),
    ("qwen2moe", SMALL["qwen2-moe"]),
    ("phi3", published("microsoft__phi-4")),
    ("gemma2", published("google__gemma-2-27b-it")),
    ("gemma", SMALL["gemma"]),
    (
        "gemma3",
        tiny("Gemma3ForCausalLM", "gemma3_text", head_dim=64, sliding_window=512, num_hidden_layers=7),
    ),
    ("deepseek2", published("deepseek-ai__DeepSeek-V2-Lite-Chat")),
    ("deepseek2", published("deepseek-ai__DeepSeek-R1")),
    ("deepseek2", published("moonshotai__Kimi-K2-Instruct")),
    ("minimax-m2", published("MiniMaxAI__MiniMax-M2.5")),
    ("granite", published("ibm-granite__granite-3.1-8b-instruct")),
    ("command-r", tiny("CohereForCausalLM", "cohere")),
    ("cohere2", tiny("Cohere2ForCausalLM", "cohere2", sliding_window=1024, layer_types=EVERY_FOURTH)),
    ("glm4", tiny("Glm4ForCausalLM", "glm4", head_dim=64)),
    ("granitemoe", tiny("GraniteMoeForCausalLM", "granitemoe", num_local_experts=8)),
]
CONFIGS += [
    (gguf, SMALL[name])
    for gguf, name in [
        ("granitemoe", "granite-moe-shared"),
        ("arcee", "arcee"),
        ("ernie4_5", "ernie45"),
        ("exaone4", "exaone4"),
        ("nemotron", "nemotron"),
        ("olmo", "olmo"),
        ("olmo2", "olmo2"),
        ("olmo2", "olmo3"),
        ("olmoe", "olmoe"),
        ("seed_oss", "seed-oss"),
        ("smollm3", "smollm3"),
        ("stablelm", "stablelm"),
        ("starcoder2", "starcoder2"),
    ]
]

WRITTEN = {
    # what convert_hf_to_gguf.py of llama.cpp writes under which key, wherever the config.json states it
    "num_hidden_layers": "block_count",
    "max_position_embeddings": "context_length",
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "sliding_window": "attention.sliding_window",
    "num_experts": "expert_count",
    "num_local_experts": "expert_count",
    "n_routed_experts": "expert_count",
    "num_experts_per_tok": "expert_used_count",
    "n_shared_experts": "expert_shared_count",
    "moe_intermediate_size": "expert_feed_forward_length",
    "shared_expert_intermediate_size": "expert_shared_feed_forward_length",
    "shared_intermediate_size": "expert_shared_feed_forward_length",
    "first_k_dense_replace": "leading_dense_block_count",
    "kv_lora_rank": "attention.kv_lora_rank",
    "q_lora_rank": "attention.q_lora_rank",
    "rotary_dim": "rope.dimension_count",
    "qk_rope_head_dim": "rope.dimension_count",
}


def metadata(gguf: str, config: dict[str, Any], latent_as_one_head: bool = True) -> dict[str, Any]:
    """The keys of a converted model; windows that are switched off are not written."""
    windowed = config.get("use_sliding_window", True)
    stated = {
        key: config[name]
        for name, key in WRITTEN.items()
        if config.get(name) is not None and (windowed or name != "sliding_window")
    }
    if "layer_types" in config and gguf in ("exaone4", "olmo2"):
        kinds = [kind == "sliding_attention" for kind in config["layer_types"]]
        stated["attention.sliding_window_pattern"] = kinds
    if "kv_lora_rank" in config:
        mla = "_mla" if latent_as_one_head else ""
        nope, rope = config["qk_nope_head_dim"], config["qk_rope_head_dim"]
        if latent_as_one_head:
            stated["attention.head_count_kv"] = 1
            stated["attention.key_length"] = config["kv_lora_rank"] + rope
            stated["attention.value_length"] = config["kv_lora_rank"]
        stated[f"attention.key_length{mla}"] = nope + rope
        stated[f"attention.value_length{mla}"] = config["v_head_dim"]
    own = {f"{gguf}.{key}": value for key, value in stated.items()}
    return {"general.architecture": gguf, **own, "tokenizer.ggml.tokens": ["a"] * config["vocab_size"]}


def is_tied(config: dict[str, Any]) -> bool:
    model = model_from_config(config, "published")
    return model.is_tied


@pytest.mark.parametrize(
    ("gguf", "config"), CONFIGS, ids=[f"{name}-{config['model_type']}" for name, config in CONFIGS]
)
@pytest.mark.parametrize("latent_as_one_head", [True, False])
def test_metadata_are_the_config_they_were_written_from(
    tmp_path: Path, gguf: str, config: dict[str, Any], latent_as_one_head: bool
) -> None:
    """The same class, length and cache per layer; weights that divide alike, biases and rotary tables apart."""
    file = tmp_path / "model.gguf"
    head = {} if is_tied(config) else {"output.weight": ((256, 4), 0)}
    write_gguf(file, metadata(gguf, config, latent_as_one_head), head)
    original = model_from_config(config, "published")
    found = model_from_config(config_of(read_gguf(file), "converted"), "converted")
    assert found.attention == original.attention
    assert found.max_model_len == original.max_model_len
    assert found.sizes == original.sizes
    assert found.is_tied == original.is_tied
    for layout in (ParallelConfig(), ParallelConfig(2)):
        ours, theirs = (model.weights_bytes(EngineArgs(layout=layout)) for model in (found, original))
        assert ours == pytest.approx(theirs, rel=0.02)


def test_gemma_3_is_loaded_with_the_image_encoder_beside_it(tmp_path: Path) -> None:
    """As Google's config.json describes both; the encoder's file counts with the model's."""
    config = published("google__gemma-3-27b-it")
    text, vision = config["text_config"], config["vision_config"]
    encoder = {
        "general.architecture": "clip",
        "clip.vision.embedding_length": vision["hidden_size"],
        "clip.vision.feed_forward_length": vision["intermediate_size"],
        "clip.vision.block_count": vision["num_hidden_layers"],
        "clip.vision.attention.head_count": vision["num_attention_heads"],
        "clip.vision.image_size": vision["image_size"],
        "clip.vision.patch_size": vision["patch_size"],
    }
    model_bytes = write_gguf(
        tmp_path / "model.gguf", metadata("gemma3", text), {"blk.0.x.weight": ((256, 4), 12)}
    )
    alone = local_model(tmp_path)
    encoder_bytes = write_gguf(tmp_path / "mmproj-F16.gguf", encoder, {"v.blk.0.x.weight": ((256, 4), 1)})
    both, original = local_model(tmp_path), model_from_config(config, "published")
    assert (alone.architecture, both.architecture) == ("Gemma3ForCausalLM", original.architecture)
    assert both.attention == original.attention
    assert both.is_multimodal == original.is_multimodal
    assert [model.weights_bytes(EngineArgs()) for model in (alone, both)] == [
        (model_bytes,),
        (model_bytes + encoder_bytes,),
    ]
