"""The parameters that work for one token, against what the models' authors state."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.meter.split.model_work import model_work
from vllm_costmeter.core.meter.split.roofline import ModelWork
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.sources.model_config import model_from_config

MODELS = Path(__file__).parents[3] / "data" / "models"


def work_of(name: str, engine_args: EngineArgs | None = None) -> ModelWork:
    """Of a model by its config.json."""
    config = json.loads((MODELS / name / "config.json").read_text())
    return model_work(model_from_config(config, name), engine_args or EngineArgs(), NEWEST)


@pytest.mark.parametrize(
    ("name", "active_billions", "experts"),
    [
        ("Qwen__Qwen3-30B-A3B", 3.3, (128, 8)),
        ("mistralai__Mixtral-8x7B-v0.1", 12.9, (8, 2)),
        ("meta-llama__Meta-Llama-3.1-8B", 8.0, (0, 0)),
    ],
)
def test_only_the_chosen_experts_work_for_a_token(
    name: str, active_billions: float, experts: tuple[int, int]
) -> None:
    """Qwen's model card says 3.3B activated, Mistral's paper 12.9B; a dense model works whole."""
    work = work_of(name)
    assert work.active_parameters / 1e9 == pytest.approx(active_billions, rel=0.03)
    assert (work.experts, work.experts_per_token) == experts


DENSE = ModelWork(
    active_parameters=8_030_261_248,
    weight_bytes=2 * 8_030_261_248,
    kv_bytes_per_token=2 * 32 * 8 * 128 * 2,
    attention_width=32 * 32 * 128,
)
"""Llama 3.1 8B: 32 layers of 32 query and 8 KV heads of 128, two bytes a value."""
ROUTED = 32 * 8 * 3 * 4096 * 14_336
ELSEWHERE = 46_702_792_704 - ROUTED
MIXTURE = ModelWork(
    active_parameters=ELSEWHERE + ROUTED // 4,
    weight_bytes=2 * ELSEWHERE,
    kv_bytes_per_token=2 * 32 * 8 * 128 * 2,
    expert_weight_bytes=2 * ROUTED,
    experts=8,
    experts_per_token=2,
    attention_width=32 * 32 * 128,
)
"""Mixtral 8x7B: 46.7B parameters, of them 8 experts of three matrices of 4096 x 14,336 in each of 32 layers, of which
a token uses two."""


@pytest.mark.parametrize("tensor_parallel_size", [1, 2])
@pytest.mark.parametrize(
    ("name", "work"), [("meta-llama__Meta-Llama-3.1-8B", DENSE), ("mistralai__Mixtral-8x7B-v0.1", MIXTURE)]
)
def test_the_work_of_a_token_is_that_of_the_models_shape(
    name: str, work: ModelWork, tensor_parallel_size: int
) -> None:
    """On all GPUs of the engine together, however many divide it; the experts' bytes are apart."""
    layout = ParallelConfig(tensor_parallel_size=tensor_parallel_size)
    found = work_of(name, EngineArgs(layout=layout))
    of_shape = {part: getattr(work, part) for part in ("weight_bytes", "expert_weight_bytes")}
    assert replace(found, **of_shape) == work
    for (
        part,
        expected,
    ) in of_shape.items():  # each GPU has its own norms, routers and table of rotations besides
        assert getattr(found, part) == pytest.approx(expected, rel=5e-3)


def test_a_quantized_model_is_known_by_its_checkpoint_or_its_flag() -> None:
    """Its matrices may run at the GPU's fastest rate."""
    assert not work_of("Qwen__Qwen3-32B").is_quantized
    assert work_of("Qwen__Qwen3-32B-FP8").is_quantized
    assert work_of("Qwen__Qwen3-32B", EngineArgs(quantization="fp8")).is_quantized


@pytest.mark.parametrize("batched", [None, 2048, 8192])
@pytest.mark.parametrize(
    ("name", "whole", "windows"),
    [
        # 62 layers of 16 KV heads of 128, two bytes a value: 10 read everything, 52 the last 1,024 tokens
        ("google__gemma-3-27b-it", 10 * 8192, ((1024, 52 * 8192),)),
        # 24 layers of 8 KV heads of 64: 12 and 12, of the last 128 tokens
        ("openai__gpt-oss-20b", 12 * 2048, ((128, 12 * 2048),)),
    ],
)
def test_a_layer_with_a_window_reads_no_more_of_the_context(
    name: str, whole: float, windows: tuple[tuple[float, float], ...], batched: int | None
) -> None:
    """Whatever a prefill may hold in flight beside it."""
    work = work_of(name, EngineArgs(max_num_batched_tokens=batched))
    assert (work.kv_bytes_per_token, work.kv_windows, work.state_bytes) == (whole, windows, 0.0)


def test_contexts_shared_by_gpus_are_read_once() -> None:
    """DeepSeek V3's latents of 576 values in 61 layers are on each of 8 GPUs, of which --decode-context-parallel-size 8
    leaves each an eighth."""
    latents = 61 * 576 * 2
    for shards in (1, 8):
        layout = ParallelConfig(tensor_parallel_size=8, decode_context_parallel_size=shards)
        found = work_of("deepseek-ai__DeepSeek-V3", EngineArgs(layout=layout))
        assert found.kv_bytes_per_token == latents * 8 / shards


def test_states_are_read_whole_at_every_step() -> None:
    """Qwen3.5: 30 layers hold a float32 state of 32 heads and the last three inputs of a convolution; 10 read all their
    2 KV heads of 256."""
    work = work_of("Qwen__Qwen3.5-35B-A3B")
    assert (work.kv_bytes_per_token, work.kv_windows) == (10 * 2 * 2 * 256 * 2, ())
    assert work.state_bytes == 30 * (32 * 128 * 128 * 4 + 3 * 8192 * 2)
