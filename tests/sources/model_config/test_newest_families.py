"""What no recorded answer holds of the newest models: sizes that only the checkpoint's own class reads, the host's
memory, batches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.kv_cache import kv_rules
from vllm_costmeter.core.kv_cache.layout import kv_layers
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import model_from_config
from vllm_costmeter.sources.models.draft_config import head_config

DATA = Path(__file__).parents[2] / "data" / "families_vllm_0.32.jsonl"
RECORDED = {line["name"]: line["config"] for line in map(json.loads, DATA.read_text().splitlines())}


def weights_of(config: dict[str, Any], name: str = "m") -> Weights:
    weights = model_from_config(config, name).weights
    assert isinstance(weights, Weights)
    return weights


def test_a_puzzle_whose_blocks_say_what_the_file_says_weighs_the_same() -> None:
    """`block_configs` overrides the file's keys layer by layer."""
    config = RECORDED["nemotron-h-puzzle"]
    kinds = {"M": "mamba", "E": "moe", "*": "attention", "-": "mlp"}
    blocks: list[dict[str, Any]] = [
        {"block_type": kinds[letter], "moe_intermediate_size": None}
        for letter in config["hybrid_override_pattern"]
    ]
    same = weights_of({**config, "block_configs": blocks})
    assert same.parameters == weights_of(config).parameters
    blocks[1]["moe_intermediate_size"] = 2 * config["moe_intermediate_size"]
    wider = weights_of({**config, "block_configs": blocks})
    matrices = 2 * config["n_routed_experts"] * config["hidden_size"] * config["moe_intermediate_size"]
    assert wider.parameters - same.parameters == matrices


def test_tables_of_n_grams_lie_in_the_hosts_memory_from_0_30_on() -> None:
    """Qwen4-Exp: 4 heads of about 1,000 rows of 32 values in each of two layers; before, on the GPU."""
    config = {**RECORDED["qwen4-exp-no-ple"], "ple_layer_ids": [1, 5], "ple_embed_dim": 128}
    weights = weights_of({**config, "heads_per_ngram": 2, "ngram_vocab_size_base": 1000})
    older = replace(weights, release=release_of("0.29.0")).bytes_per_pipeline_rank(EngineArgs(), "bfloat16")[
        0
    ]
    newer = weights.bytes_per_pipeline_rank(EngineArgs(), "bfloat16")[0]
    rows = -(-4 * 1000 // 128) * 128
    tables = older - newer
    assert tables == 2 * rows * 32 * 2


def test_chosen_tokens_have_a_row_for_each_token_of_a_batch() -> None:
    """Qwen4-Exp: int32 positions, one buffer in each of two sparse layers."""
    config = RECORDED["qwen4-exp-no-ple"]
    weights = weights_of(config)
    wide, narrow = (
        weights.bytes_per_pipeline_rank(EngineArgs(max_num_batched_tokens=tokens), "bfloat16")[0]
        for tokens in (8192, 2048)
    )
    width = config["indexer_budget"] + config["indexer_compress_ratio"]
    assert wide - narrow == 2 * (8192 - 2048) * width * 4


def test_packed_latents_without_positions_are_not_guessed() -> None:
    """GLM-5 Next with a cache format that packs 512 values and 64 of positions."""
    model = model_from_config(RECORDED["glm5-next"], "m")
    with pytest.raises(NotUnderstoodError, match="fp8_ds_mla"):
        kv_layers(model.attention, EngineArgs(kv_cache_dtype="fp8"), kv_rules(release_of("0.32.0")), (9, 0))


def test_a_target_that_drafts_with_dspark_names_its_drafter() -> None:
    """DeepSeek V4's own checkpoint holds the layers."""
    found = head_config(
        {"architectures": ["DeepseekV4ForCausalLM"], "model_type": "deepseek_v4"}, "m", "dspark"
    )
    assert found is not None
    assert found["architectures"] == ["DSparkDraftModel"]


@pytest.mark.parametrize(("tables", "verdict"), [([], "fits"), ([1, 5], "refused")])
def test_tables_of_n_grams_keep_a_model_on_one_pipeline_rank(tables: list[int], verdict: str) -> None:
    """Qwen4-Exp: only a first rank receives the tokens (vLLM 0.29 to 0.33 refuse more)."""
    model = model_from_config({**RECORDED["qwen4-exp-no-ple"], "ple_layer_ids": tables}, "m")
    gpus = GpuGroup("H100 SXM", round(79.19 * 2**30), count=2, compute_capability=(9, 0))
    assert fit(model, gpus, EngineArgs(layout=ParallelConfig(1, 2)), release_of("0.32.0")).verdict == verdict


def test_small_blocks_of_v4_1_are_scaled_for_each_row() -> None:
    """DeepSeek V4.1 with blocks of 32 by 32: vLLM repeats their scales for every row (MXFP8, quant_config.py)."""
    held = []
    for block in ([32, 32], [128, 128]):
        section = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": block}
        model = model_from_config({**RECORDED["deepseek-v41"], "quantization_config": section}, "m")
        held += model.weights_bytes(EngineArgs())
    assert held[0] > held[1] * 1.01
