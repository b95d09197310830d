"""Quantisation while loading: what each vLLM accepts under which name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit import fit
from vllm_costmeter.core.gpu import Gpu
from vllm_costmeter.core.plan import Plan
from vllm_costmeter.core.quantisation.online import check_online, online_fp8
from vllm_costmeter.core.suggest import with_suggestions
from vllm_costmeter.sources.model_config import model_from_config

ADA = Gpu("RTX 4090", round(23.5 * 2**30), compute_capability=(8, 9))
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
        ("fp8", (0, 30, 1), (0, 31, 0)),
        ("fp8_per_tensor", (0, 20, 0), (0, 19, 0)),
        ("fp8_per_channel", (0, 24, 0), (0, 23, 0)),
        ("bitsandbytes", (0, 27, 0), (0, 28, 0)),
    ],
)
def test_a_name_is_taken_by_the_versions_that_take_it(
    name: str, accepted: tuple[int, ...], refused: tuple[int, ...]
) -> None:
    """A refused name is one line that says from or up to which version, and what to use."""
    check_online(name, accepted)
    with pytest.raises(BadInputError, match=f"use --quantization {online_fp8(refused)}"):
        check_online(name, refused)


@pytest.mark.parametrize(("version", "name"), [("0.19.0", "fp8"), ("0.32.0", "fp8_per_tensor")])
def test_a_suggestion_is_a_name_that_the_version_accepts(version: str, name: str) -> None:
    """FP8 weights are offered under the version's own name, and that name fits when tried."""
    plan = Plan(max_model_len=131072, vllm_version=version)
    found = with_suggestions(fit(LLAMA, ADA, plan), LLAMA, ADA, plan).suggestions
    names = [each.change["quantization"] for each in found if "quantization" in each.change]
    assert names == [name]


def test_a_name_that_the_version_refuses_is_bad_input() -> None:
    """vLLM 0.32 stops at --quantization fp8 on a 16-bit checkpoint; so does the check."""
    with pytest.raises(BadInputError, match="fp8_per_tensor"):
        fit(LLAMA, ADA, Plan(quantization="fp8", vllm_version="0.32.0"))


def test_mxfp8_is_one_byte_and_a_scale_per_32_values() -> None:
    """A matrix of 16-bit values shrinks to 33/64 of itself; embeddings and head stay."""
    plain, small = LLAMA.weights_bytes(Plan())[0], LLAMA.weights_bytes(Plan(quantization="mxfp8"))[0]
    matrices = 32 * (4096 * (4096 + 2 * 1024) + 4096 * 4096 + 3 * 4096 * 14336)
    assert plain - small == matrices * 2 - matrices * 33 // 32
