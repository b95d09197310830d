"""What speculative decoding loads: held against the drafters that vLLM 0.32 builds, and 0.33 those that only it has.

Each line of `drafters_vllm_*.jsonl` is a small configuration, or the name of a published one, and the bytes of the
drafter's parameters and buffers (prediction layers: of those that are not the target's) on one tensor-parallel rank, as
vLLM 0.32.0 builds it on the meta device (2026-11, `scripts/answers/drafters.py`). `caches` is what its KV planner makes
of the model and its prediction layers on an H100: bytes of one sequence of each of two lengths, and for a pool of 16
GiB the longest length up to the second, the blocks and the concurrency.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_models import llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.kv_cache import kv_cache, kv_rules
from vllm_costmeter.core.model.drafter import Drafter
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import NEWEST, release_of
from vllm_costmeter.sources.model_config import model_from_config, read_model
from vllm_costmeter.sources.models.draft_config import head_config
from vllm_costmeter.sources.models.drafter import with_drafter

DATA = Path(__file__).parents[2] / "data"
H100 = GpuGroup("H100 SXM", round(79.19 * 2**30), count=8, compute_capability=(9, 0))
LINES: list[dict[str, Any]] = [
    json.loads(line)
    for version in ("0.32", "0.33")
    for line in (DATA / f"drafters_vllm_{version}.jsonl").read_text().splitlines()
]
WITH_CACHES = [line for line in LINES if "lengths" in line]
POOL_BYTES = 16 << 30
MTP = {"method": "mtp", "num_speculative_tokens": 1}


def published(name: str) -> Model:
    return read_model(DATA / "models" / name, name)


def model_of(line: dict[str, Any]) -> Model:
    """The model with prediction layers, or the head."""
    name, config = line.get("published"), line.get("config")
    if name is not None:
        return published(name)
    if line["is_head"] and "method" in line:
        config = head_config(config, line["name"], line["method"])
    return model_from_config(config, line["name"])


def drafted(line: dict[str, Any], engine_args: EngineArgs) -> Model:
    """The model that the line's drafter drafts for, with it."""
    model = model_of(line)
    if not line["is_head"]:
        return with_drafter(model, engine_args)
    target = model_from_config(line["target"], line["name"])
    return with_drafter(target, engine_args, lambda *_: model)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["name"])
def test_drafters_weigh_what_vllm_builds(line: dict[str, Any]) -> None:
    """To the byte: prediction layers beside the model's own tensors, EAGLE heads as models of their own."""
    model = model_of(line)
    for answer in line["answers"]:
        engine_args = EngineArgs(layout=ParallelConfig(answer["tp"]))
        if line["is_head"]:
            (ours,) = model.weights_bytes(engine_args)
        else:
            assert model.prediction is not None
            asked = {"method": "mtp", "num_speculative_tokens": line.get("num_speculative_tokens", 1)}
            ours = model.prediction.asked(asked).built_bytes_on_last_rank(engine_args)
        assert ours == answer["weights_bytes"]


@pytest.mark.parametrize("line", WITH_CACHES, ids=lambda line: line["name"])
def test_drafters_cache_what_vllm_plans(line: dict[str, Any]) -> None:
    """Bytes of a sequence, blocks, concurrency and the longest length are vLLM's own with the drafter's layers, and
    with the draft tokens that recurrent layers keep states for."""
    short, long = line["lengths"]
    asked = {"method": line.get("method", "mtp"), "num_speculative_tokens": line["num_speculative_tokens"]}
    if line["is_head"]:
        asked["model"] = "head"
    for answer in line["answers"]:
        engine_args, theirs = (
            EngineArgs(layout=ParallelConfig(answer["tp"]), speculative_config=asked),
            answer["caches"],
        )
        cache = kv_cache(
            drafted(line, engine_args).attention,
            engine_args,
            kv_rules(release_of("0.32.0")),
            max_num_batched_tokens=theirs["max_num_batched_tokens"],
            compute_capability=H100.compute_capability,
        )
        capacity = cache.capacity(long, POOL_BYTES)
        assert [cache.bytes_needed(length)[0] for length in (short, long)] == theirs["needed_bytes"]
        assert cache.longest_that_fits(POOL_BYTES, long) == theirs["longest"]
        assert (capacity.num_blocks, capacity.max_concurrency) == (
            theirs["blocks"],
            theirs["max_concurrency"],
        )


def test_deepseek_v4_keeps_what_an_nvfp4_checkpoint_ignores() -> None:
    """V4 Pro's prediction layer has experts in MXFP4, and a table that no compressed layer of the model has: to 256
    bytes of what vLLM 0.32.0 builds at tensor parallelism 8, which pads the sinks of its heads (2026-11)."""
    prediction = published("nvidia__DeepSeek-V4-Pro-NVFP4").prediction
    assert prediction is not None
    assert abs(prediction.built_bytes_on_last_rank(EngineArgs(layout=ParallelConfig(8))) - 2589218404) <= 256


def test_online_quantization_reaches_prediction_layers() -> None:
    """vLLM hands them the model's own `--quantization`; a draft model has that of its own configuration."""
    model = published("Qwen__Qwen3.5-35B-A3B")
    assert model.prediction is not None
    plain, fp8 = (
        model.prediction.built_bytes_on_last_rank(EngineArgs(quantization=name))
        for name in (None, "fp8_per_tensor")
    )
    edges = 2 * 2 * model.sizes.vocab_size * model.sizes.hidden_size
    assert fp8 - edges == pytest.approx((plain - edges) / 2, rel=0.01)
    draft = published("Qwen__Qwen3-0.6B")
    asked = {"model": "draft", "num_speculative_tokens": 3}
    engine_args = EngineArgs(speculative_config=asked, quantization="fp8_per_tensor")
    drafted = with_drafter(published("meta-llama__Llama-3.1-8B-Instruct"), engine_args, lambda *_: draft)
    assert drafted.drafter is not None
    assert drafted.drafter.bytes_on_last_rank(engine_args) == draft.weights_bytes(EngineArgs())[0]


def test_a_draft_model_is_its_own_weights_and_caches_beside_the_models() -> None:
    """An 8B with a draft of 0.6B: weights and cache grow by the draft's."""
    target, draft = published("meta-llama__Llama-3.1-8B-Instruct"), published("Qwen__Qwen3-0.6B")
    asked = {"model": "draft", "num_speculative_tokens": 3, "use_heterogeneous_vocab": True}
    engine_args = EngineArgs(max_model_len=8192, speculative_config=asked)
    plain = fit(target, H100, replace(engine_args, speculative_config=None), NEWEST).per_gpu
    found = fit(with_drafter(target, engine_args, lambda *_: draft), H100, engine_args, NEWEST)
    assert found.verdict == "fits"
    assert found.per_gpu is not None
    assert plain is not None
    assert found.per_gpu.weights_bytes == plain.weights_bytes + draft.weights_bytes(EngineArgs())[0]
    assert found.per_gpu.kv_cache_needed_bytes > plain.kv_cache_needed_bytes


def test_the_drafter_lives_on_the_last_pipeline_rank() -> None:
    """The first rank holds nothing of it, and the model's tensor parallelism divides it: vLLM takes 1 for a size of its
    own, and builds the same."""
    target, draft = published("meta-llama__Llama-3.1-8B-Instruct"), published("Qwen__Qwen3-0.6B")
    asked = {"model": "draft", "num_speculative_tokens": 3, "draft_tensor_parallel_size": 1}
    engine_args = EngineArgs(layout=ParallelConfig(2, 2), speculative_config=asked)
    model = with_drafter(target, engine_args, lambda *_: draft)
    assert model.drafter is not None
    assert (
        model.drafter.bytes_on_last_rank(engine_args)
        == draft.weights_bytes(EngineArgs(layout=ParallelConfig(2)))[0]
    )
    wrong = replace(
        engine_args, layout=ParallelConfig(4), speculative_config={**asked, "draft_tensor_parallel_size": 2}
    )
    drafter = with_drafter(target, wrong, lambda *_: draft).drafter
    assert drafter is not None
    with pytest.raises(BadInputError, match="draft_tensor_parallel_size"):
        drafter.bytes_on_last_rank(wrong)


def test_prediction_layers_are_the_models_own() -> None:
    """DeepSeek V3 states one: it is loaded where speculation asks for it, and only there."""
    model = published("deepseek-ai__DeepSeek-V3")
    engine_args = EngineArgs(layout=ParallelConfig(8), speculative_config=MTP)
    drafted = with_drafter(model, engine_args)
    assert drafted.drafter is not None
    assert len(drafted.attention.draft_layers) == 1
    assert with_drafter(model, EngineArgs()) is model


def test_what_is_not_known_stays_unknown() -> None:
    """A method, a head or a model without rules: the answer says so and gives no number."""
    target = published("meta-llama__Llama-3.1-8B-Instruct")
    for asked in ({"method": "dflash", "model": "x"}, MTP, {"method": "eagle3", "model": "draft"}):
        engine_args = EngineArgs(speculative_config=asked)
        model = with_drafter(target, engine_args, lambda *_: published("Qwen__Qwen3-0.6B"))
        assert fit(model, H100, engine_args, NEWEST).verdict == "unknown"


def test_prediction_layers_keep_no_tables_of_their_own() -> None:
    """vLLM deletes their embedding and heads when it shares the model's: 0.8 GiB stay of Qwen3.6-27B's 3.8.
    Over pipeline stages the embedding stays."""
    prediction = published("nvidia__Qwen3.6-27B-NVFP4").prediction
    assert prediction is not None
    one, embedding = EngineArgs(), 248_320 * 5120 * 2
    assert 3.8 < prediction.built_bytes_on_last_rank(one) / 2**30 < 3.85
    assert 0.75 < prediction.bytes_on_last_rank(one) / 2**30 < 0.85
    staged = EngineArgs(layout=ParallelConfig(pipeline_parallel_size=2))
    assert prediction.bytes_on_last_rank(staged) == prediction.bytes_on_last_rank(one) + embedding


def test_a_draft_model_shares_nothing() -> None:
    """Its tables are its own (`DraftModelProposer` shares none)."""
    draft = published("Qwen__Qwen3-0.6B")
    drafter = Drafter(draft.weights, draft.dtype, draft.attention.layers)
    assert drafter.shared_bytes_on_last_rank(EngineArgs()) == 0


@pytest.mark.parametrize("asked", [{"model": "ngram"}, {"model": "[ngram]"}, {"method": "ngram"}])
def test_n_grams_need_no_checkpoint(asked: dict[str, Any]) -> None:
    """By the method, or by what vLLM takes for one in place of a model."""
    engine_args = EngineArgs(speculative_config={**asked, "num_speculative_tokens": 3})
    model = with_drafter(llama(), engine_args)
    assert (model.drafter, model.draft_fault(engine_args)) == (None, None)


@pytest.mark.parametrize(
    ("kinds", "is_mixed"),
    [
        (["sliding_attention", "full_attention", "full_attention"], True),
        (["sliding_attention"] * 3, False),
        (["full_attention"] * 3, False),
    ],
)
def test_a_drafter_of_windows_and_full_attention_is_told_apart(kinds: list[str], is_mixed: bool) -> None:
    """Which decides the model runner; by `layer_types`, as in vLLM."""
    (line,) = (each for each in LINES if each["name"] == "dflash-windows")
    own = {**line["config"]["dflash_config"], "use_swa": False}
    mixed = {**line, "config": {**line["config"], "layer_types": kinds, "dflash_config": own}}
    asked = {"method": "dflash", "model": "head", "num_speculative_tokens": 4}
    facts = drafted(mixed, EngineArgs(speculative_config=asked)).draft_facts
    assert facts is not None
    assert facts.mixes_windows == is_mixed
