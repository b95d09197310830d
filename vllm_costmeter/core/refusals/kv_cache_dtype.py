"""Values of `--kv-cache-dtype` that the release, the checkpoint, the attention or the GPU rules out."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.refusals.attention_kind import DTYPES, AttentionKind, attention_kind
from vllm_costmeter.core.refusals.start import Refusal, Start
from vllm_costmeter.core.release import dotted

_OTHERS: tuple[Mapping[str, str], ...] = ({"kv_cache_dtype": "fp8"}, {"kv_cache_dtype": "auto"})
_FIRST: Mapping[str, tuple[int, int]] = {
    # first release with the value (CacheDType of vllm/config/cache.py, 0.17.0 to 0.33.0)
    "float16": (0, 18),
    **dict.fromkeys(
        (
            "fp8_per_token_head",
            "int8_per_token_head",
            "nvfp4",
            "turboquant_3bit_nc",
            "turboquant_4bit_nc",
            "turboquant_k3v4_nc",
            "turboquant_k8v4",
        ),
        (0, 20),
    ),
    "int4_per_token_head": (0, 25),
    "nvfp4_4over6": (0, 28),
    "nvfp4_ds_mla": (0, 30),
    "ultraquant_4bit": (0, 32),
    **dict.fromkeys(("octave_k3v3", "octave_k3v3_compact", "octave_k3v4"), (0, 33)),
}
_E5M2_BESIDE_UNSCALED = (0, 24)
"""First release in which compressed-tensors without kv_cache_scheme allow fp8_e5m2 (attention.py)."""
_SAME_FLOAT = (0, 33)  # _reject_mismatched_float_kv_cache of vllm/config/vllm.py
_DENSE_LATENT_DTYPES = frozenset({"auto", "float16", "bfloat16", "fp8", "fp8_e4m3"})
_FP8_LATENT_IN_TRITON = (0, 18)  # before, TRITON_MLA had no fp8: nothing serves it on 8.x and 12.x
_NVFP4_SERVED, _NVFP4_CHECKED, _NVFP4_ON_FA2 = (0, 21), (0, 23), (0, 32)  # flashinfer.py
_FA2_MAJORS, _DATA_CENTRE_BLACKWELL = (8, 9, 12), 10


def kv_cache_dtype_fault(start: Start) -> Refusal | None:
    asked, release = start.engine_args.kv_cache_dtype, start.release
    first = _FIRST.get(asked)
    if first is not None and release.minor < first:
        return _refusal(f"--kv-cache-dtype {asked} came with vLLM {dotted(first)}; this is {release}")
    if asked == "fp8_e5m2" and _has_cache_scales(start):
        return _refusal("--kv-cache-dtype fp8_e5m2 is not served with a checkpoint that has FP8 scales")
    dtype = DTYPES.get(start.engine.dtype, start.engine.dtype)
    if asked in ("float16", "bfloat16") and asked != dtype and release.minor >= _SAME_FLOAT:
        return _refusal(
            f"--kv-cache-dtype {asked} differs from the model's dtype {dtype}, and vLLM refuses it"
        )
    kind = attention_kind(start)
    if kind is None:
        return None
    if kind.is_latent and not kind.is_sparse:
        return _dense_latents(start, asked)
    return _nvfp4(start, kind, asked) if asked.startswith("nvfp4") else None


def _has_cache_scales(start: Start) -> bool:
    """Whether vLLM reads the attention's scales from the checkpoint (`should_load_quant_weights`)."""
    facts = start.model.quantization_facts
    if facts is None:
        return False
    if facts.method == "compressed-tensors":
        return start.release.minor < _E5M2_BESIDE_UNSCALED or start.model.attention.kv_cache_dtype is not None
    return facts.method == "fp8" or facts.method.startswith("modelopt")


def _dense_latents(start: Start, asked: str) -> Refusal | None:
    """No MLA backend stores these (their `supported_kv_cache_dtypes`, `validate_nvfp4_kv_cache_with_mla`)."""
    major = None if start.compute_capability is None else start.compute_capability[0]
    no_fp8 = asked.startswith("fp8") and start.release.minor < _FP8_LATENT_IN_TRITON and major in (8, 12)
    if asked not in _DENSE_LATENT_DTYPES or no_fp8:
        return _refusal(
            f"no backend for latent attention (MLA) stores its cache as {asked} in vLLM {start.release}"
        )
    return None


def _nvfp4(start: Start, kind: AttentionKind, asked: str) -> Refusal | None:
    release, capability = start.release, start.compute_capability
    if kind.is_latent:
        return (
            None
            if asked.endswith("_ds_mla")
            else _refusal(f"--kv-cache-dtype {asked} is not served with MLA")
        )
    if release.minor < _NVFP4_SERVED:
        return _refusal(f"--kv-cache-dtype {asked} is listed but not implemented before vLLM 0.21")
    if capability is None or capability[0] == _DATA_CENTRE_BLACKWELL:
        return None
    on_fa2 = release.minor >= _NVFP4_ON_FA2 and asked == "nvfp4" and capability[0] in _FA2_MAJORS
    if not on_fa2:
        return Refusal(
            "compute_capability",
            f"--kv-cache-dtype {asked} needs compute capability 10.x in vLLM {release}; {start.gpu.name} has "
            f"{dotted(capability)}",
            _OTHERS,
            is_certain=release.minor >= _NVFP4_CHECKED,
        )
    if 64 in kind.head_sizes:
        return _refusal(f"--kv-cache-dtype {asked} is not served for heads of 64 on {start.gpu.name}")
    return None


def _refusal(message: str) -> Refusal:
    return Refusal("kv_cache_dtype", message, _OTHERS)
