"""A model as one GPU computes it, beside the weights that the fit check counts."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.quantization.scheme import KernelTarget
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.core.serving.served_model import ServedModel, served_model
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.models.packaged_configs import packaged_model

H200 = find_gpu("H200 SXM")
MODELS = (
    "meta-llama/Llama-3.3-70B-Instruct",
    "Qwen/Qwen3-235B-A22B-FP8",
    "deepseek-ai/DeepSeek-R1",
    "openai/gpt-oss-120b",
    "MiniMaxAI/MiniMax-M2.5",
    "google/gemma-3-27b-it",
    "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
    "Qwen/Qwen3.5-122B-A10B",
)


def opened(repository: str) -> Model:
    """The packaged model."""
    model = packaged_model(repository, "test")
    assert model is not None
    return model


def read_bytes(served: ServedModel) -> float:
    """Of all layers' matrices and experts, on one GPU."""
    return sum(
        layer.count
        * (
            sum(each.weight_bytes for each in layer.matrices)
            + (layer.experts.weight_bytes if layer.experts else 0.0)
        )
        for layer in served.layers
    )


@pytest.mark.parametrize("tensor", [1, 4])
@pytest.mark.parametrize("repository", MODELS)
def test_a_step_reads_the_weights_that_a_gpu_holds(repository: str, tensor: int) -> None:
    """All but vocabulary tables, towers, norms and the like: never more, and not much less."""
    model = opened(repository)
    args = EngineArgs(layout=ParallelConfig(tensor), language_model_only=True)
    held = model.on_gpu(KernelTarget(H200.compute_capability, NEWEST)).weights_bytes(args)[0]
    tables = 2 * model.sizes.vocab_size * model.sizes.hidden_size * 2 / tensor
    read = read_bytes(served_model(model, args, NEWEST, H200))
    assert read <= held
    assert read >= 0.97 * (held - tables)


def test_expert_parallelism_holds_whole_experts_instead_of_slices() -> None:
    """As many bytes, the full width, a part of a token's experts."""
    model = opened("deepseek-ai/DeepSeek-R1")
    sliced, whole = (
        served_model(model, EngineArgs(layout=layout), NEWEST, H200).layers[-1].experts
        for layout in (ParallelConfig(8), ParallelConfig(8, enable_expert_parallel=True))
    )
    assert sliced is not None
    assert whole is not None
    assert whole.weight_bytes == pytest.approx(sliced.weight_bytes, rel=0.02)
    assert (sliced.columns, whole.columns) == (256, 2048)
    assert whole.parameters_per_token == pytest.approx(sliced.parameters_per_token)


def test_windows_latents_and_states_are_read_as_far_as_they_reach() -> None:
    """A window ends the growth with the context, a latent is read whole on every rank, a state does not grow."""
    long, longer = 32_000, 64_000
    cases = {
        "google/gemma-3-27b-it": 2,
        "deepseek-ai/DeepSeek-R1": 1,
        "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": 2,
    }
    for repository, kinds in cases.items():
        layers = served_model(opened(repository), EngineArgs(), NEWEST, H200).layers
        reading = {layer.cache for layer in layers if layer.cache.flops_per_pair or layer.cache.state_bytes}
        growing = [cache for cache in reading if cache.decode_bytes(longer) > cache.decode_bytes(long)]
        assert len(reading) >= kinds
        assert len(growing) == 1
    four = served_model(opened("deepseek-ai/DeepSeek-R1"), EngineArgs(layout=ParallelConfig(4)), NEWEST, H200)
    assert {layer.cache.bytes_per_token for layer in four.layers} == {576 * 2}
