"""FP8 and bfloat16 caches on GPUs that lack the instructions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.api import check

MODELS = Path(__file__).parents[2] / "data" / "models"
DENSE, LATENT = "Qwen__Qwen3-1.7B", "deepseek-ai__DeepSeek-V2-Lite-Chat"
SINKS, BOTH_WAYS, TWO_SIZES = "openai__gpt-oss-20b", "google__gemma-3-27b-it", "google__gemma-4-26B-A4B"
OWN_FP8 = "nvidia__Gemma-4-31B-IT-NVFP4"
FITS, REFUSED = ("fits", None), ("refused", "kv_cache_dtype")
UNCHECKED = ("tight", "kv_cache_dtype")


def outcome(
    model: str, gpu: str, release: str, kv_cache_dtype: str | None = "fp8", **flags: Any
) -> tuple[str, str | None]:
    asked = {} if kv_cache_dtype is None else {"kv_cache_dtype": kv_cache_dtype}
    fit = check(str(MODELS / model), gpu, max_model_len=2048, vllm_version=release, **asked, **flags)
    return fit.verdict, fit.reason


@pytest.mark.parametrize(
    ("model", "gpu", "release", "flags", "expected"),
    [
        (DENSE, "RTX 3090", "0.33.0", {}, FITS),
        (DENSE, "RTX 3090", "0.33.0", {"block_size": 128}, FITS),
        (DENSE, "RTX 3090", "0.33.0", {"kv_cache_dtype": "fp8_e5m2"}, FITS),
        (DENSE, "RTX 3090", "0.33.0", {"kv_cache_dtype": "fp8_per_token_head"}, REFUSED),
        (DENSE, "RTX 3090", "0.23.0", {"kv_cache_dtype": "fp8_per_token_head"}, UNCHECKED),
        (DENSE, "RTX 3090", "0.33.0", {"kv_cache_dtype": "int8_per_token_head"}, FITS),
        (DENSE, "RTX 3090", "0.33.0", {"attention_backend": "TRITON_ATTN"}, REFUSED),
        (DENSE, "RTX 3090", "0.23.0", {"attention_backend": "TRITON_ATTN"}, UNCHECKED),
        (DENSE, "RTX 3090", "0.33.0", {"attention_backend": "FLASHINFER"}, FITS),
        (DENSE, "RTX 3090", "0.33.0", {"attention_backend": "auto"}, FITS),
        (DENSE, "T4", "0.23.0", {"gpu_memory_utilization": 0.8}, FITS),
        (DENSE, "T4", "0.24.0", {}, REFUSED),
        (DENSE, "V100 32GB", "0.24.0", {}, REFUSED),
        (DENSE, "RTX 4090", "0.33.0", {"attention_backend": "TRITON_ATTN"}, FITS),
        (LATENT, "A100 80GB SXM", "0.33.0", {}, REFUSED),
        (LATENT, "A100 80GB SXM", "0.26.0", {}, REFUSED),
        (LATENT, "A100 80GB SXM", "0.25.0", {}, UNCHECKED),
        (LATENT, "H100 SXM", "0.33.0", {}, FITS),
        (LATENT, "A100 80GB SXM", "0.33.0", {"kv_cache_dtype": "auto"}, FITS),
        (SINKS, "A100 80GB SXM", "0.24.0", {}, REFUSED),
        (SINKS, "H100 SXM", "0.24.0", {}, FITS),
        (BOTH_WAYS, "A100 80GB SXM", "0.33.0", {}, REFUSED),
        (BOTH_WAYS, "A100 80GB SXM", "0.33.0", {"language_model_only": True}, FITS),
        (TWO_SIZES, "A100 80GB SXM", "0.33.0", {"language_model_only": True}, REFUSED),
        (TWO_SIZES, "A100 80GB SXM", "0.33.0", {"kv_cache_dtype": "auto"}, FITS),
        (OWN_FP8, "A100 80GB SXM", "0.33.0", {"kv_cache_dtype": None}, REFUSED),
        (OWN_FP8, "A100 80GB SXM", "0.33.0", {"kv_cache_dtype": "bfloat16"}, FITS),
        (OWN_FP8, "L40S", "0.33.0", {"kv_cache_dtype": None}, FITS),
    ],
)
def test_without_fp8_instructions_flashinfer_alone_reads_an_fp8_cache(
    model: str, gpu: str, release: str, flags: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    """Triton's backends refuse it since they check, and before that do not compile; FlashInfer has no sinks there, no
    latents, no images read in both directions, and no GPU before Ampere from 0.24 on."""
    assert outcome(model, gpu, release, **flags) == expected


def test_what_would_serve_is_suggested() -> None:
    """The model's own dtype, also in the place of the checkpoint's."""
    for model, asked, change in (
        (SINKS, {"kv_cache_dtype": "fp8"}, "auto"),
        (OWN_FP8, {}, "bfloat16"),
    ):
        found = check(
            str(MODELS / model), "A100 80GB SXM", max_model_len=2048, vllm_version="0.33.0", **asked
        )
        assert found.suggestions[0].change == {"kv_cache_dtype": change}
        assert "below compute capability 8.9 only FlashInfer reads it: " in found.message


def test_flashinfer_is_suggested_where_flashattention_cannot() -> None:
    """Of the two others, the one that reads it."""
    found = check(
        str(MODELS / DENSE),
        "A100 80GB SXM",
        max_model_len=2048,
        vllm_version="0.33.0",
        kv_cache_dtype="fp8",
        attention_backend="FLASH_ATTN",
    )
    assert found.suggestions[0].change == {"attention_backend": "FLASHINFER"}


@pytest.mark.parametrize(("release", "expected"), [("0.23.0", FITS), ("0.24.0", REFUSED)])
def test_a_bfloat16_cache_needs_ampere(release: str, expected: tuple[str, str | None]) -> None:
    """Checked since 0.24."""
    assert outcome(DENSE, "T4", release, "bfloat16", dtype="float16") == expected
