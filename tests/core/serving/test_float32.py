"""Products in float32, and steps outside CUDA graphs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.accuracy.serving_models import measured_model
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.core.serving.float32 import SPLIT_ROWS, Float32Units
from vllm_costmeter.core.serving.served_model import served_model
from vllm_costmeter.core.serving.serving_gpu import serving_gpu
from vllm_costmeter.core.serving.step import Engine
from vllm_costmeter.sources.catalogue.load import find_gpu

UNITS = Float32Units(128, 148, 1.85e9)


def engine(name: str, weights: str, *, tensor: int = 2, expert_parallel: bool = False) -> Engine:
    """A server on B200."""
    args = EngineArgs(layout=ParallelConfig(tensor, enable_expert_parallel=expert_parallel))
    spec, model = find_gpu("B200 SXM"), measured_model(name, weights)
    assert model is not None
    return Engine(served_model(model, args, NEWEST, spec), serving_gpu(spec), args.layout, 8192)


@pytest.mark.parametrize(
    ("gpu", "flops_per_cycle", "stated"),
    [
        ("A100 80GB SXM", 2 * 64, 19.5e12),
        ("L40S", 2 * 128, 91.6e12),
        ("H100 SXM", 2 * 128, 67e12),
        ("B200 SXM", 8192, 2250e12),
        ("RTX PRO 6000 Blackwell Server", 1024, 467.8e12),
    ],
)
def test_clocks_are_those_of_the_stated_rates(gpu: str, flops_per_cycle: int, stated: float) -> None:
    """In float32, of the last two in dense 16-bit products."""
    units = serving_gpu(find_gpu(gpu)).kernels.float32
    assert flops_per_cycle * units.multiprocessors * units.hertz == pytest.approx(stated, rel=0.005)


def test_a_product_takes_as_long_as_one_tile_until_all_multiprocessors_have_one() -> None:
    """Sixteen tiles take what 116 take; 149 need a second round."""
    once = UNITS.seconds(1024, 3072, 256)
    assert once == UNITS.seconds(74 * 128, 3072, 256)
    assert UNITS.seconds(75 * 128, 3072, 256) == 2 * once
    assert once * 62 == pytest.approx(13.2e-3, rel=0.01)
    assert UNITS.seconds(SPLIT_ROWS, 3072, 256) < once / 5


def test_a_prompt_costs_minimax_the_float32_router_and_tf32_saves_it() -> None:
    """13 ms for each step with a prompt; a model with a 16-bit router pays nothing."""
    known = engine("MiniMax-M2.5", "nvfp4")
    tensor_cores = replace(known, multiplies_float32=False, captured_tokens=2048)
    known = replace(known, captured_tokens=2048)
    saved = known.gpu_seconds(64, 1000, 922) - tensor_cores.gpu_seconds(64, 1000, 922)
    assert 11e-3 < saved < 15e-3
    other = engine("Kimi-K2.5", "nvfp4", tensor=4)
    assert other.gpu_seconds(64, 1000, 922) == replace(other, multiplies_float32=False).gpu_seconds(
        64, 1000, 922
    )


def test_a_step_beyond_the_captured_sizes_takes_at_least_as_long_as_its_launch() -> None:
    """Kimi's 61 layers: one is dense. Steps within, and steps that the GPU takes longer for, are as before."""
    captured = replace(engine("Kimi-K2.5", "nvfp4", tensor=4), captured_tokens=2048)
    launched = replace(captured, captured_tokens=512)
    assert captured.gpu_seconds(16, 1000, 922) < launched.gpu_seconds(16, 1000, 922) == pytest.approx(60.3e-3)
    for known in ((16, 1000, 0), (16, 1000, 7373)):
        assert captured.gpu_seconds(*known) == launched.gpu_seconds(*known)


def test_with_whole_experts_all_wait_for_the_gpu_that_is_asked_most() -> None:
    """Half of the experts chosen: the fullest of four GPUs reads about a tenth more than the mean. When all are chosen
    anyway, none reads more."""
    sliced, whole = (
        engine("MiniMax-M2.5", "nvfp4", tensor=4, expert_parallel=each) for each in (False, True)
    )
    experts = next(layer.experts for layer in whole.model.layers if layer.experts)
    few, many = (whole._experts_needed(experts, rows)[0] for rows in (24, 4096))
    assert experts.spread == 4
    part = next(layer.experts for layer in sliced.model.layers if layer.experts)
    assert 1.08 < few / sliced._experts_needed(part, 24)[0] < 1.15
    assert many == pytest.approx(sliced._experts_needed(part, 4096)[0], rel=0.35)
