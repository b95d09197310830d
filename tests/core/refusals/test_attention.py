"""KV cache dtypes and attention backends that the release, the attention or the GPU rules out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.api import check
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import read_model

MODELS = Path(__file__).parents[2] / "data" / "models"
DENSE, LATENT = MODELS / "Qwen__Qwen3-1.7B", MODELS / "deepseek-ai__DeepSeek-V2-Lite-Chat"
FP8, SINKS, BOTH_WAYS = (
    MODELS / "Qwen__Qwen3-32B-FP8",
    MODELS / "openai__gpt-oss-20b",
    MODELS / "google__gemma-3-27b-it",
)
FITS = ("fits", None)
KV, BACKEND = ("refused", "kv_cache_dtype"), ("refused", "attention_backend")


def judged(model: Path = DENSE, gpu: str = "H100 SXM", release: str = "0.33.0", **flags: Any) -> Fit:
    return check(str(model), gpu, **{"max_model_len": 2048, "vllm_version": release, **flags})


def outcome(fit: Fit) -> tuple[str, str | None]:
    return fit.verdict, fit.reason


@pytest.mark.parametrize(
    ("dtype", "release", "expected"),
    [
        ("nvfp4", "0.18.0", KV),
        ("int8_per_token_head", "0.19.1", KV),
        ("int8_per_token_head", "0.20.0", FITS),
        ("int4_per_token_head", "0.24.0", KV),
        ("int4_per_token_head", "0.25.0", FITS),
        ("fp8", "0.17.0", FITS),
    ],
)
def test_a_cache_dtype_that_came_later_is_refused(
    dtype: str, release: str, expected: tuple[str, str | None]
) -> None:
    """The release before the first refuses it, and what is suggested fits."""
    found = judged(release=release, kv_cache_dtype=dtype)
    assert outcome(found) == expected
    if expected == KV:
        assert found.suggestions[0].change == {"kv_cache_dtype": "fp8"}


@pytest.mark.parametrize(
    ("gpu", "release", "expected"),
    [
        ("B200", "0.20.0", KV),
        ("B200", "0.21.0", FITS),
        ("H100 SXM", "0.22.0", ("tight", "compute_capability")),
        ("H100 SXM", "0.23.0", ("refused", "compute_capability")),
        ("H100 SXM", "0.31.0", ("refused", "compute_capability")),
        ("RTX 5090", "0.29.1rc1.dev339+gda9888462", ("tight", "compute_capability")),
        ("H100 SXM", "0.32.0", FITS),
        ("RTX 5090", "0.32.0", FITS),
    ],
)
def test_nvfp4_caches_need_blackwell_of_the_data_centre_up_to_0_31(
    gpu: str, release: str, expected: tuple[str, str | None]
) -> None:
    """Unchecked in 0.21 and 0.22, checked since, and on FlashAttention 2's kernels from 0.32; a build between two
    releases may have them earlier."""
    assert outcome(judged(gpu=gpu, release=release, kv_cache_dtype="nvfp4")) == expected


@pytest.mark.parametrize(
    ("model", "dtype", "expected"),
    [
        (FP8, "fp8_e5m2", KV),
        (FP8, "fp8_e4m3", FITS),
        (DENSE, "fp8_e5m2", FITS),
        (LATENT, "fp8_e5m2", KV),
        (LATENT, "int8_per_token_head", KV),
        (LATENT, "nvfp4", KV),
        (LATENT, "fp8", FITS),
    ],
)
def test_a_cache_dtype_must_suit_checkpoint_and_attention(
    model: Path, dtype: str, expected: tuple[str, str | None]
) -> None:
    """FP8 checkpoints bring scales of their own; latents are stored in 16 bits or plain fp8."""
    assert outcome(judged(model, kv_cache_dtype=dtype)) == expected


@pytest.mark.parametrize(("release", "expected"), [("0.32.0", FITS), ("0.33.0", KV)])
def test_another_float_than_the_models_is_refused_from_0_33(
    release: str, expected: tuple[str, str | None]
) -> None:
    """The same float is not."""
    assert outcome(judged(release=release, kv_cache_dtype="float16")) == expected
    assert outcome(judged(release=release, kv_cache_dtype="bfloat16")) == FITS


def test_latent_attention_has_no_float32() -> None:
    """Per-head attention has."""
    assert outcome(judged(LATENT, dtype="float32")) == ("refused", "dtype")
    assert outcome(judged(dtype="float32")) == FITS


@pytest.mark.parametrize(
    ("model", "gpu", "backend", "flags", "expected"),
    [
        (DENSE, "H100 SXM", "FLASH_ATTN", {}, FITS),
        (DENSE, "H100 SXM", "flash_attn", {}, FITS),
        (DENSE, "T4", "FLASH_ATTN", {}, BACKEND),
        (DENSE, "T4", "FLASHINFER", {"release": "0.23.0"}, FITS),
        (DENSE, "T4", "FLASHINFER", {"release": "0.24.0"}, BACKEND),
        (DENSE, "H100 SXM", "FLASHMLA", {}, BACKEND),
        (LATENT, "H100 SXM", "FLASHMLA", {}, FITS),
        (LATENT, "A100 80GB SXM", "FLASHMLA", {}, BACKEND),
        (LATENT, "H100 SXM", "CUTLASS_MLA", {}, BACKEND),
        (LATENT, "H100 SXM", "FLASH_ATTN", {}, BACKEND),
        (LATENT, "H100 SXM", "FLASHMLA_SPARSE", {}, BACKEND),
        (DENSE, "H100 SXM", "FLASHINFER", {"dtype": "float32"}, BACKEND),
        (DENSE, "H100 SXM", "TRITON_ATTN", {"dtype": "float32"}, FITS),
        (DENSE, "A100 80GB SXM", "FLASH_ATTN", {"kv_cache_dtype": "fp8"}, BACKEND),
        (DENSE, "H100 SXM", "FLASH_ATTN", {"kv_cache_dtype": "fp8"}, FITS),
        (DENSE, "H100 SXM", "FLEX_ATTENTION", {"kv_cache_dtype": "fp8"}, BACKEND),
        (DENSE, "RTX 5090", "FLASH_ATTN", {"kv_cache_dtype": "fp8"}, BACKEND),
        (DENSE, "H100 SXM", "SOMETHING_NEW", {}, FITS),
        (SINKS, "H100 SXM", "FLASH_ATTN", {}, FITS),
        (SINKS, "A100 80GB SXM", "FLASH_ATTN", {}, BACKEND),
        (SINKS, "A100 80GB SXM", "FLASHINFER", {}, BACKEND),
        (SINKS, "H100 SXM", "FLASHINFER", {"release": "0.29.0"}, BACKEND),
        (SINKS, "H100 SXM", "FLASHINFER", {"release": "0.30.0"}, FITS),
        (SINKS, "B200", "FLASHINFER", {"release": "0.17.0"}, FITS),
        (SINKS, "A100 80GB SXM", "TRITON_ATTN", {}, FITS),
        (BOTH_WAYS, "H100 SXM", "FLASHINFER", {}, BACKEND),
        (BOTH_WAYS, "H100 SXM", "FLASHINFER", {"language_model_only": True}, FITS),
        (BOTH_WAYS, "H100 SXM", "FLASH_ATTN", {"release": "0.23.0"}, BACKEND),
        (BOTH_WAYS, "H100 SXM", "FLASH_ATTN", {"release": "0.24.0"}, FITS),
    ],
)
def test_a_backend_must_serve_model_dtype_and_gpu(
    model: Path, gpu: str, backend: str, flags: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    """As vLLM validates the one that was asked for; a name that is not known here is left to vLLM."""
    assert outcome(judged(model, gpu, **flags, attention_backend=backend)) == expected


@pytest.mark.parametrize(
    ("backend", "expected"),
    [("FLASH_ATTN", FITS), ("TRITON_ATTN", FITS), ("FLASHINFER", BACKEND), ("FLEX_ATTENTION", BACKEND)],
)
def test_two_backends_attend_between_encoder_and_decoder(
    backend: str, expected: tuple[str, str | None]
) -> None:
    """`supports_attn_type` of each, 0.17 to 0.33."""
    model = replace(read_model(DENSE, "m"), is_encoder_decoder=True)
    gpu = GpuGroup("H100 SXM", 80 << 30, compute_capability=(9, 0))
    asked = EngineArgs(max_model_len=2048, attention_backend=backend)
    assert outcome(fit(model, gpu, asked, release_of("0.33.0"))) == expected


def test_a_backend_that_serves_it_is_suggested() -> None:
    """Triton's, which runs everywhere."""
    assert judged(gpu="T4", attention_backend="FLASH_ATTN").suggestions[0].arguments == (
        "--attention-backend TRITON_ATTN"
    )


@pytest.mark.parametrize("flags", [{"attention_backend": "FLASH_ATTN"}, {"kv_cache_dtype": "fp8_e5m2"}])
def test_other_vendors_have_backends_of_their_own(flags: dict[str, Any]) -> None:
    """An AMD GPU has no compute capability: what its backends serve is left to vLLM."""
    assert judged(LATENT, "MI300X", **flags).reason not in ("attention_backend", "kv_cache_dtype")
