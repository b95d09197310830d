"""Quantization while loading: what each vLLM accepts under which name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.suggest import with_suggestions
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.parts import ExpertsShape
from vllm_costmeter.core.quantization.online import check_online, online_fp8
from vllm_costmeter.core.quantization.schemes.fp4 import OnlineMxfp4, OnlineNvfp4
from vllm_costmeter.core.quantization.schemes.fp8 import Fp8PerBlock
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import model_from_config

ADA = GpuGroup("RTX 4090", round(23.5 * 2**30), compute_capability=(8, 9))
LLAMA = model_from_config(
    json.loads(
        (
            Path(__file__).parents[2]
            / "data"
            / "models"
            / "meta-llama__Llama-3.1-8B-Instruct"
            / "config.json"
        ).read_text()
    ),
    "llama",
)


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("mxfp4", "0.28.0", "0.27.1"),
        ("fp8_per_tensor", "0.20.0", "0.19.0"),
        ("fp8_per_channel", "0.24.0", "0.23.0"),
    ],
)
def test_a_name_is_taken_by_the_versions_that_take_it(name: str, accepted: str, refused: str) -> None:
    """A refused name is one line that says from which version, and what to use."""
    check_online(name, release_of(accepted))
    with pytest.raises(BadInputError, match=f"use --quantization {online_fp8(release_of(refused))}"):
        check_online(name, release_of(refused))


@pytest.mark.parametrize(("version", "name"), [("0.19.0", "fp8"), ("0.32.0", "fp8_per_tensor")])
def test_a_suggestion_is_a_name_that_the_version_accepts(version: str, name: str) -> None:
    """FP8 weights are offered under the version's own name, and that name fits when tried."""
    engine_args = EngineArgs(max_model_len=131072)
    found = with_suggestions(
        fit(LLAMA, ADA, engine_args, release_of(version)), LLAMA, ADA, engine_args
    ).suggestions
    names = [each.change["quantization"] for each in found if "quantization" in each.change]
    assert names == [name]


@pytest.mark.parametrize(("version", "verdict"), [("0.27.0", "fits"), ("0.28.0", "tight")])
def test_bitsandbytes_needs_a_plugin_from_0_28(version: str, verdict: str) -> None:
    """Which may be installed: the answer says so, and is not certain."""
    asked = EngineArgs(quantization="bitsandbytes", max_model_len=1024)
    assert fit(LLAMA, ADA, asked, release_of(version)).verdict == verdict


def test_fp8_is_still_taken_for_a_scale_per_tensor() -> None:
    """Deprecated since vLLM 0.31, and loaded as fp8_per_tensor."""
    weights = [
        fit(LLAMA, ADA, EngineArgs(quantization=name, max_model_len=1024), release_of("0.32.0")).per_gpu
        for name in ("fp8", "fp8_per_tensor")
    ]
    assert [use and use.weights_bytes >> 20 for use in weights] == [
        weights[0] and weights[0].weights_bytes >> 20
    ] * 2


def test_names_that_need_a_gpu_are_refused_on_others() -> None:
    """Per channel wants kernels of compute capability 8.9; NVFP4 experts want 10.x, and a dense model has none."""
    with pytest.raises(BadInputError, match=r"8\.9 or newer; this one has 8\.0"):
        check_online("fp8_per_channel", release_of("0.32.0"), (8, 0))
    with pytest.raises(BadInputError, match=r"10\.x"):
        check_online("nvfp4_per_token", release_of("0.32.0"), (9, 0), has_experts=True)
    check_online("nvfp4_per_token", release_of("0.32.0"), (9, 0))
    check_online("nvfp4_per_token", release_of("0.32.0"), (10, 3), has_experts=True)


def test_mxfp4_is_half_a_byte_and_a_scale_per_32_values() -> None:
    """17/64 of 16-bit matrices; experts only in sizes that no kernel pads."""
    plain, small = (
        LLAMA.weights_bytes(EngineArgs())[0],
        LLAMA.weights_bytes(EngineArgs(quantization="mxfp4"))[0],
    )
    matrices = 32 * (4096 * (4096 + 2 * 1024) + 4096 * 4096 + 3 * 4096 * 14336)
    assert plain - small == matrices * 2 - matrices * 17 // 32
    even, odd = (ExpertsShape(8, 2048, inner, True, False, 1, 2, "experts") for inner in (768, 720))
    assert sum(OnlineMxfp4().experts_tensors(even)) == 8 * 3 * 2048 * 768 * 17 // 32
    assert sum(OnlineNvfp4().experts_tensors(even)) == 8 * (3 * 2048 * 768 * 9 // 16 + 16)
    with pytest.raises(NotUnderstoodError, match="2048 x 720"):
        OnlineMxfp4().experts_tensors(odd)


def test_blocks_round_an_experts_share_up_where_vllm_quantises_it() -> None:
    """720 is held as 768 since 0.25, with scales of whole blocks."""
    shape = ExpertsShape(8, 2048, 720, True, False, 4, 2, "experts")
    assert Fp8PerBlock(rounds_shares=True).experts_tensors(shape) == (
        8 * 2 * 2048 * 768,
        8 * 2048 * 768,
        8 * 2 * 6 * 16 * 4,
        8 * 16 * 6 * 4,
    )


def test_mxfp8_is_one_byte_and_a_scale_per_32_values() -> None:
    """A matrix of 16-bit values shrinks to 33/64 of itself; embeddings and head stay."""
    plain, small = (
        LLAMA.weights_bytes(EngineArgs())[0],
        LLAMA.weights_bytes(EngineArgs(quantization="mxfp8"))[0],
    )
    matrices = 32 * (4096 * (4096 + 2 * 1024) + 4096 * 4096 + 3 * 4096 * 14336)
    assert plain - small == matrices * 2 - matrices * 33 // 32
