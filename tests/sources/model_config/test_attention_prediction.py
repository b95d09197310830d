"""The caches of a model's own prediction layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.kv_cache import kv_cache, kv_rules
from vllm_costmeter.core.model.attention import (
    FullAttention,
    LayerCaches,
    MlaLatent,
    SlidingWindow,
    SparseIndexer,
)
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import model_from_config, read_model
from vllm_costmeter.sources.models.drafter import with_drafter

DATA = Path(__file__).parents[2] / "data"
MODELS = DATA / "models"
RECORDED = {
    line["name"]: line["config"]
    for name in ("drafters_vllm_0.32.jsonl", "families_vllm_0.32.jsonl")
    for line in map(json.loads, (DATA / name).read_text().splitlines())
    if "config" in line
}


def predicted(name: str, **changes: Any) -> tuple[LayerCaches, ...] | None:
    """The caches of the prediction layers of a recorded configuration, with some of its values changed."""
    drafter = model_from_config({**RECORDED[name], **changes}, name).prediction
    return None if drafter is None else drafter.layers


def test_prediction_layers_have_caches_of_their_own() -> None:
    """DeepSeek V3 adds a latent, GLM-5 an indexer with it, Qwen3.5 full attention, MiMo V2 one window however many
    layers its file counts, Nemotron 3 the attention of its pattern, and K-EXAONE a layer of the kind it names."""
    assert predicted("deepseek-mtp") == ((MlaLatent(512, 64),),)
    assert predicted("glm-dsa-mtp") == ((SparseIndexer(128), MlaLatent(512, 64, sparse=True)),)
    assert predicted("qwen35-two-mtp") == ((FullAttention(2, 64),),) * 2
    assert predicted("mimo-v2", num_nextn_predict_layers=3) == ((SlidingWindow(4, 192, 128, 128),),)
    assert predicted("nemotron-mtp") == ((FullAttention(2, 64),), ())
    assert predicted("exaone-mtp") == ((SlidingWindow(2, 64, 128),),)
    assert predicted("exaone-mtp", mtp_layer_types=["full_attention"]) == ((FullAttention(2, 64),),)


def test_prediction_layers_without_rules_are_unknown() -> None:
    """Never zero bytes: neither for an architecture that has none, nor for kinds that are not known."""
    assert predicted("deepseek-mtp", architectures=["DeepseekV2ForCausalLM"]) is None
    for windows in ({"mtp_sliding_windows": [64]}, {"mtp_layer_types": ["chunked_attention"]}):
        assert predicted("exaone-mtp", **windows) is None


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
