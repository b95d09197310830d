"""The caches of a model's own prediction layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.kv_cache import kv_cache, kv_rules
from vllm_costmeter.core.model.attention import (
    FullAttention,
    LayerCaches,
    MlaLatent,
    SlidingWindow,
    SparseIndexer,
)
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import read_model
from vllm_costmeter.sources.model_config.attention_prediction import prediction_layers
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.models.drafter import with_drafter

MODELS = Path(__file__).parents[2] / "data" / "models"
LLAMA = {"hidden_size": 4096, "num_hidden_layers": 4, "num_attention_heads": 32, "num_key_value_heads": 8}
DEEPSEEK = {
    "num_hidden_layers": 3,
    "num_attention_heads": 128,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "index_head_dim": 128,
    "num_nextn_predict_layers": 1,
}


def predicted(values: dict[str, Any], architecture: str) -> tuple[LayerCaches, ...]:
    return prediction_layers(ConfigReader(values), architecture)


def test_prediction_layers_have_caches_of_their_own() -> None:
    """DeepSeek V3 adds a latent, V3.2 an indexer with it, Qwen3.5 full attention, MiMo V2 one window, Nemotron 3 the
    attention of its pattern, and K-EXAONE a layer of the kind it names."""
    assert predicted(DEEPSEEK, "DeepseekV3ForCausalLM") == ((MlaLatent(512, 64),),)
    sparse = predicted(DEEPSEEK, "DeepseekV32ForCausalLM")
    assert sparse == ((SparseIndexer(128), MlaLatent(512, 64, sparse=True)),)
    two = predicted({"text_config": {**LLAMA, "mtp_num_hidden_layers": 2}}, "Qwen3_5ForConditionalGeneration")
    assert two == ((FullAttention(8, 256),),) * 2
    window = {"swa_num_key_value_heads": 4, "swa_head_dim": 192, "swa_v_head_dim": 128, "sliding_window": 128}
    assert predicted({**window, "num_nextn_predict_layers": 3}, "MiMoV2FlashForCausalLM") == (
        (SlidingWindow(4, 192, 128, 128),),
    )
    blocks = {**LLAMA, "mtp_layers_block_type": ["attention", "moe"]}
    assert predicted(blocks, "NemotronHForCausalLM") == ((FullAttention(8, 128),), ())
    kinds = {**LLAMA, "layer_types": ["full_attention"] * 4, "sliding_window": 64}
    assert predicted(kinds, "ExaoneMoEForCausalLM") == ((FullAttention(8, 128),),)
    named = {**kinds, "mtp_layer_types": ["sliding_attention"]}
    assert predicted(named, "ExaoneMoEForCausalLM") == ((SlidingWindow(8, 128, 64),),)


def test_prediction_layers_without_rules_are_unknown() -> None:
    """Never zero bytes: neither for an architecture that has none, nor for kinds that are not known."""
    with pytest.raises(NotUnderstoodError):
        predicted(LLAMA, "LlamaForCausalLM")
    for windows in ({"mtp_sliding_windows": [64]}, {"mtp_layer_types": ["chunked_attention"]}):
        with pytest.raises(NotUnderstoodError):
            predicted({**LLAMA, "layer_types": ["full_attention"] * 4, **windows}, "ExaoneMoEForCausalLM")


def test_the_drafter_lives_on_the_last_pipeline_rank() -> None:
    """It does not move the boundaries of the model's own layers."""
    model = read_model(MODELS / "deepseek-ai__DeepSeek-V3")
    engine_args = EngineArgs(
        layout=ParallelConfig(pipeline_parallel_size=2), speculative_config={"method": "mtp"}
    )
    plain, with_mtp = (
        kv_cache(
            each.attention, engine_args, kv_rules(release_of("0.32.0")), max_num_batched_tokens=8192
        ).bytes_per_block
        for each in (model, with_drafter(model, engine_args))
    )
    assert with_mtp == (plain[0], plain[1] // 30 * 31)
