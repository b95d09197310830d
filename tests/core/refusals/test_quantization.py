"""Quantizations that a release, a GPU or a dtype rules out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from checkpoint_files import GGUF_LLAMA, gguf_tensors, write_gguf

from vllm_costmeter.api import check
from vllm_costmeter.core.fit.result import Fit

MODELS = Path(__file__).parents[2] / "data" / "models"
SMALL = MODELS / "Qwen__Qwen3-1.7B"
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True, "desc_act": False}
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}
FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}
INT8 = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "int", "strategy": "channel", "symmetric": True},
            "input_activations": {"num_bits": 8, "type": "int", "strategy": "token", "dynamic": True},
        }
    },
}


def packed(**weights: Any) -> dict[str, Any]:
    """compressed-tensors' packed four bits."""
    every = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128, "symmetric": True}
    return {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": {**every, **weights}}},
    }


def judged(tmp_path: Path, section: dict[str, Any], gpu: str = "A10", **flags: Any) -> Fit:
    """A small model with this quantization section."""
    config = json.loads((SMALL / "config.json").read_text())
    dtype = flags.pop("stated", "float16")
    (tmp_path / "config.json").write_text(
        json.dumps({**config, "quantization_config": section, "torch_dtype": dtype, "dtype": dtype})
    )
    return check(str(tmp_path), gpu, **{"max_model_len": 2048, "vllm_version": "0.33.0", **flags})


def outcome(fit: Fit) -> tuple[str, str | None]:
    return fit.verdict, fit.reason


FITS = ("fits", None)


@pytest.mark.parametrize(
    ("section", "release", "expected"),
    [
        (GPTQ, "0.33.0", FITS),
        ({**GPTQ, "desc_act": True}, "0.29.0", FITS),
        ({**GPTQ, "desc_act": True}, "0.30.0", ("refused", "quantization")),
        ({**GPTQ, "desc_act": True, "group_size": -1}, "0.33.0", FITS),
        ({**GPTQ, "dynamic": {"+:.*down.*": {"desc_act": True}}}, "0.30.0", ("refused", "quantization")),
        ({**GPTQ, "dynamic": {"-:.*down.*": {"desc_act": True}}}, "0.30.0", FITS),
        ({**GPTQ, "bits": 8, "sym": False}, "0.21.0", FITS),
        ({**GPTQ, "bits": 8, "sym": False}, "0.22.0", ("refused", "quantization")),
        ({**GPTQ, "bits": 3}, "0.33.0", ("refused", "quantization")),
        (packed(actorder="group"), "0.29.0", FITS),
        (packed(actorder="group"), "0.30.0", ("refused", "quantization")),
        (packed(actorder="static"), "0.33.0", FITS),
        ({**packed(), "sparsity_config": {"format": "dense", "targets": []}}, "0.33.0", FITS),
        (
            {**packed(), "sparsity_config": {"format": "sparse-24-bitmask", "targets": ["Linear"]}},
            "0.22.0",
            ("refused", "quantization"),
        ),
        (FP8, "0.23.0", FITS),
        ({**FP8, "activation_scheme": "static"}, "0.23.0", ("refused", "quantization")),
    ],
)
def test_a_variant_that_the_release_gave_up_is_refused(
    section: dict[str, Any], release: str, expected: tuple[str, str | None], tmp_path: Path
) -> None:
    """Reordered activations end with 0.29, GPTQ's odd bits with 0.21; FP8 blocks were never static."""
    assert outcome(judged(tmp_path, section, vllm_version=release)) == expected


@pytest.mark.parametrize(
    ("section", "gpu", "expected"),
    [
        (AWQ, "T4", FITS),
        (AWQ, "V100 32GB PCIe", ("refused", "compute_capability")),
        (FP8, "V100 32GB PCIe", ("refused", "compute_capability")),
        (packed(), "V100 32GB PCIe", ("refused", "compute_capability")),
        (packed(), "T4", FITS),
        (INT8, "L40S", FITS),
        (INT8, "RTX 5090", ("refused", "compute_capability")),
        (INT8, "B200", ("refused", "compute_capability")),
    ],
)
def test_a_method_needs_kernels_for_the_gpu(
    section: dict[str, Any], gpu: str, expected: tuple[str, str | None], tmp_path: Path
) -> None:
    """Too old for the method, or too new for INT8; the next generation starts."""
    assert outcome(judged(tmp_path, section, gpu)) == expected


@pytest.mark.parametrize(
    ("release", "expected"), [("0.26.0", ("refused", "compute_capability")), ("0.27.0", FITS)]
)
def test_modelopt_fp8_runs_on_ampere_from_0_27(
    release: str, expected: tuple[str, str | None], tmp_path: Path
) -> None:
    """8.9 before, 8.0 since; Ada serves it in every release."""
    section = {"quant_method": "modelopt", "quant_algo": "FP8"}
    assert outcome(judged(tmp_path, section, vllm_version=release)) == expected
    assert outcome(judged(tmp_path, section, "L4", vllm_version=release)) == FITS


def test_int8_on_blackwell_depends_on_the_default_kernels(tmp_path: Path) -> None:
    """Other kernels may serve it: --linear-backend is left to vLLM."""
    assert outcome(judged(tmp_path, INT8, "B200", linear_backend="triton")) == FITS


def test_a_refused_gpu_is_answered_with_one_that_serves_it(tmp_path: Path) -> None:
    """The cheapest GPU of the catalogue is new enough."""
    suggested = judged(tmp_path, AWQ, "V100 32GB PCIe").suggestions
    assert suggested
    assert set(suggested[0].change) == {"gpu", "gpu_count"}


@pytest.mark.parametrize(
    ("section", "flags", "expected"),
    [
        (FP8, {"dtype": "float32"}, ("refused", "dtype")),
        (FP8, {"dtype": "half"}, FITS),
        (AWQ, {"stated": "bfloat16", "vllm_version": "0.23.0"}, FITS),
        (
            AWQ,
            {"stated": "bfloat16", "vllm_version": "0.23.0", "quantization": "awq"},
            ("refused", "dtype"),
        ),
        (AWQ, {"stated": "bfloat16", "vllm_version": "0.24.0", "quantization": "awq"}, FITS),
        ({**GPTQ, "bits": 3}, {"stated": "bfloat16", "vllm_version": "0.21.0"}, ("refused", "dtype")),
        ({**GPTQ, "bits": 3}, {"stated": "float16", "vllm_version": "0.21.0"}, FITS),
    ],
)
def test_a_method_has_kernels_for_some_dtypes_only(
    section: dict[str, Any], flags: dict[str, Any], expected: tuple[str, str | None], tmp_path: Path
) -> None:
    """The dtype that counts is the one that the model is served in; the suggestion is one that fits."""
    found = judged(tmp_path, section, **flags)
    assert outcome(found) == expected
    if found.reason == "dtype":
        assert list(found.suggestions[0].change) == ["dtype"]


def test_a_deprecated_method_needs_its_flag(tmp_path: Path) -> None:
    """The suggestion is the flag, and it fits."""
    section = {"quant_method": "fbgemm_fp8"}
    refused = judged(tmp_path, section, "L40S")
    assert outcome(refused) == ("refused", "quantization")
    assert refused.suggestions[0].arguments == "--allow-deprecated-quantization"
    assert outcome(judged(tmp_path, section, "L40S", allow_deprecated_quantization=True)) == FITS


@pytest.mark.parametrize(("release", "expected"), [("0.27.1", FITS), ("0.28.0", ("tight", "quantization"))])
def test_a_method_that_became_a_plugin_is_tight(
    release: str, expected: tuple[str, str | None], tmp_path: Path
) -> None:
    """The package cannot be seen from outside: the answer names it."""
    found = judged(tmp_path, {"quant_method": "bitsandbytes", "load_in_4bit": True}, vllm_version=release)
    assert outcome(found) == expected
    assert (found.verdict == "fits") or "vllm-bnb-plugin" in found.message


@pytest.mark.parametrize(
    ("gpu", "flags", "expected"),
    [
        ("A10", {"vllm_version": "0.23.0"}, FITS),
        ("A10", {"vllm_version": "0.24.0"}, ("tight", "quantization")),
        ("RTX 5090", {"vllm_version": "0.23.0"}, ("refused", "dtype")),
        ("RTX 5090", {"vllm_version": "0.23.0", "dtype": "float16"}, FITS),
        ("RTX 5090", {"vllm_version": "0.24.0", "dtype": "float16"}, ("tight", "quantization")),
    ],
)
def test_gguf_has_no_bfloat16_on_blackwell_and_became_a_plugin(
    gpu: str, flags: dict[str, str], expected: tuple[str, str | None], tmp_path: Path
) -> None:
    """`auto` is bfloat16; the rules of the plugin are its own."""
    write_gguf(tmp_path / "model.gguf", GGUF_LLAMA, gguf_tensors())
    found = check(str(tmp_path / "model.gguf"), gpu, max_model_len=2048, **flags)
    assert outcome(found) == expected
    if found.reason == "dtype":
        assert found.suggestions[0].change == {"dtype": "float16"}
