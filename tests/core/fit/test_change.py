"""A change as flags and as a deployment, and how vLLM itself is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from example_models import ADA, llama
from stated_sizing import blank

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.asking import how_to_ask_vllm
from vllm_costmeter.core.fit.change import changed_to


@pytest.mark.parametrize(
    ("values", "arguments", "asked"),
    [
        (
            {"max_model_len": 4096, "kv_cache_dtype": "fp8"},
            "--max-model-len 4096 --kv-cache-dtype fp8",
            EngineArgs(max_model_len=4096, kv_cache_dtype="fp8", enforce_eager=True),
        ),
        ({"enforce_eager": True}, "--enforce-eager", EngineArgs(enforce_eager=True)),
        ({"enforce_eager": False}, "--no-enforce-eager", EngineArgs()),
        (
            {"tensor_parallel_size": 2, "block_size": 32},
            "--tensor-parallel-size 2 --block-size 32",
            EngineArgs(
                layout=ParallelConfig(tensor_parallel_size=2, pipeline_parallel_size=2),
                block_size=32,
                enforce_eager=True,
            ),
        ),
        (
            {"speculative_config": {"method": "mtp", "num_speculative_tokens": 1}},
            """--speculative-config '{"method": "mtp", "num_speculative_tokens": 1}'""",
            EngineArgs(speculative_config={"method": "mtp", "num_speculative_tokens": 1}, enforce_eager=True),
        ),
    ],
)
def test_a_change_is_what_its_flags_say(values: dict[str, Any], arguments: str, asked: EngineArgs) -> None:
    """Switches have no value, objects are JSON, and what is not named stays as it was."""
    own = EngineArgs(layout=ParallelConfig(pipeline_parallel_size=2), enforce_eager=True)
    if "tensor_parallel_size" not in values:
        own = replace(own, layout=ParallelConfig())
    change = changed_to(values, ADA, own)
    assert (change.change, change.arguments, change.gpu, change.engine_args) == (
        values,
        arguments,
        ADA,
        asked,
    )
    assert (change.usd_per_hour, change.price_as_of, change.is_price_stale) == (None, "", False)


@pytest.mark.parametrize(
    ("model", "mount", "asked"),
    [
        ("org/llama", "", "org/llama"),
        ("/models/own", " -v /models/own:/model", "/model"),
        ("./own", " -v ./own:/model", "/model"),
        ("~/own", " -v ~/own:/model", "/model"),
    ],
)
def test_vllm_can_be_asked_in_its_own_image(model: str, mount: str, asked: str) -> None:
    """A folder of this machine is mounted; the image is of the release that was checked."""
    (said,) = how_to_ask_vllm(blank(model=replace(llama(), id=model)))
    assert said == (
        "vLLM's own code can count it: add --exact where vLLM is installed, or docker run --rm"
        f"{mount} --entrypoint sh vllm/vllm-openai:v0.33.0 -c 'pip install -q vllm-costmeter && "
        f"""costmeter check {asked} --gpu "RTX 4090" --exact'"""
    )


def test_vllm_is_not_asked_for_what_exact_mode_cannot_pretend() -> None:
    """A GPU without a CUDA capability, or a GGUF file."""
    assert how_to_ask_vllm(blank(gpu=replace(ADA, compute_capability=None))) == ()
    assert how_to_ask_vllm(blank(model=llama(weights_source="gguf"))) == ()
