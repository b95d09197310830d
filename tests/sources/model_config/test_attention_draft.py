"""The caches that speculative decoding adds."""

from __future__ import annotations

from typing import Any

import pytest

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.kv_cache import kv_cache, kv_rules
from vllm_costmeter.core.model.attention import FullAttention, MlaLatent, SparseIndexer
from vllm_costmeter.core.plan import Layout, Plan
from vllm_costmeter.sources.model_config.attention import model_attention
from vllm_costmeter.sources.model_config.attention_draft import with_draft
from vllm_costmeter.sources.model_config.reader import ConfigReader

LLAMA = {"hidden_size": 4096, "num_hidden_layers": 4, "num_attention_heads": 32, "num_key_value_heads": 8}
DEEPSEEK = {
    "num_hidden_layers": 3,
    "num_attention_heads": 128,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "index_head_dim": 128,
    "num_nextn_predict_layers": 1,
}


def drafted(
    values: dict[str, Any], architecture: str, draft: dict[str, Any] | None = None, **flags: Any
) -> Any:
    config = ConfigReader(values)
    model = model_attention(config, architecture)
    reader = None if draft is None else ConfigReader(draft)
    return with_draft(model, config, architecture, flags, reader).draft_layers


def test_prediction_layers_are_the_models_own() -> None:
    """DeepSeek V3 adds a latent, V3.2 an indexer with it, Qwen3-Next a layer of full attention."""
    assert drafted(DEEPSEEK, "DeepseekV3ForCausalLM", method="mtp") == ((MlaLatent(512, 64),),)
    sparse = drafted(DEEPSEEK, "DeepseekV32ForCausalLM", method="deepseek_mtp")
    assert sparse == ((SparseIndexer(128), MlaLatent(512, 64, sparse=True)),)
    assert drafted({**LLAMA, "head_dim": 256}, "Qwen3NextForCausalLM", method="mtp") == (
        (FullAttention(8, 256),),
    )


def test_a_draft_model_adds_its_own_layers() -> None:
    """EAGLE heads and whole draft models are read from their own file."""
    eagle = {**LLAMA, "num_hidden_layers": 1, "architectures": ["LlamaForCausalLMEagle3"]}
    assert drafted(LLAMA, "LlamaForCausalLM", eagle, method="eagle3") == ((FullAttention(8, 128),),)
    small = {**LLAMA, "num_hidden_layers": 2, "architectures": ["LlamaForCausalLM"]}
    assert drafted(LLAMA, "LlamaForCausalLM", small, model="org/small") == ((FullAttention(8, 128),),) * 2


def test_drafters_without_a_cache_add_nothing() -> None:
    """N-grams are looked up in the prompt."""
    assert drafted(LLAMA, "LlamaForCausalLM", method="ngram") == ()


def test_a_draft_that_cannot_be_read_is_unknown() -> None:
    """No file, no rule for the prediction layers, no known method: never zero bytes."""
    for flags in ({"method": "eagle3"}, {"method": "mtp"}, {"method": "telepathy"}):
        with pytest.raises(NotUnderstoodError):
            drafted(LLAMA, "LlamaForCausalLM", **flags)


def test_the_drafter_lives_on_the_last_pipeline_rank() -> None:
    """It does not move the boundaries of the model's own layers."""
    config = ConfigReader(DEEPSEEK | {"num_hidden_layers": 4})
    model = model_attention(config, "DeepseekV3ForCausalLM")
    plan = Plan(layout=Layout(pipeline_parallel_size=2))
    plain, with_mtp = (
        kv_cache(one, plan, kv_rules("0.32.0"), max_num_batched_tokens=8192).bytes_per_block
        for one in (model, with_draft(model, config, "DeepseekV3ForCausalLM", {"method": "mtp"}))
    )
    assert with_mtp == (plain[0], plain[1] // 2 * 3)
