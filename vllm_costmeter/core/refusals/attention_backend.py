"""`--attention-backend` that does not serve the model, its dtype or the GPU."""

from __future__ import annotations

from collections.abc import Iterator

from vllm_costmeter.core.refusals.attention_kind import DTYPES, AttentionKind, attention_kind
from vllm_costmeter.core.refusals.start import Refusal, Start
from vllm_costmeter.core.release import dotted

_PER_HEAD = frozenset({"FLASH_ATTN", "FLASHINFER", "FLEX_ATTENTION", "TRITON_ATTN"})
_LATENT = frozenset(
    {"CUTLASS_MLA", "FLASHINFER_MLA", "FLASHMLA", "FLASH_ATTN_MLA", "TOKENSPEED_MLA", "TRITON_MLA"}
)
_SPARSE = frozenset({"FLASHINFER_MLA_SPARSE", "FLASHMLA_SPARSE"})
_MAJORS = {
    "CUTLASS_MLA": (10,),
    "FLASHINFER_MLA": (10,),
    "FLASHMLA": (9, 10),
    "FLASH_ATTN_MLA": (9,),
    "TOKENSPEED_MLA": (10,),
}
_FLASHINFER_SINKS = {12: (0, 28), 9: (0, 30)}
"""First release in which FlashInfer serves attention sinks, by major capability; 10.x in all, 8.x in none."""
_MODELS_OF_BOTH_DIRECTIONS = frozenset({"gemma3", "gemma4", "moondream3", "paligemma"})
"""model_type of models that read an image in both directions (`is_mm_prefix_lm`)."""
_FLASH_ATTN_BOTH_DIRECTIONS, _TEXT_ONLY_IS_CAUSAL = (0, 24), (0, 27)
_DECODERS_ONLY = frozenset({"FLASHINFER", "FLEX_ATTENTION"})  # supports_attn_type
_ANY_DTYPE = frozenset({"FLEX_ATTENTION", "TRITON_ATTN"})
_FLASHINFER_FROM_AMPERE, _FLASHINFER_WIDE_HEADS = (0, 24), (0, 22)
_FLASHINFER_HEADS, _NARROWEST_TRITON_HEAD = frozenset({64, 128, 256}), 32


def attention_backend_fault(start: Start) -> Refusal | None:
    """`AttentionBackend.validate_configuration` and what each class answers it, read in 0.17.0 to 0.33.0.

    Backends for other devices, for one model only, or of plugins are left to vLLM.
    """
    asked, kind = start.attention_backend, attention_kind(start)
    if kind is None or asked is None or asked not in _PER_HEAD | _LATENT | _SPARSE:
        return None
    fault = next(backend_faults(start, asked, kind), None)
    if fault is None:
        return None
    others = ("TRITON_MLA",) if kind.is_latent else ("TRITON_ATTN", "FLASHINFER")
    changes = () if kind.is_sparse else tuple({"attention_backend": each} for each in others if each != asked)
    return Refusal("attention_backend", f"--attention-backend {asked}: {fault}", changes)


def backend_faults(start: Start, asked: str, kind: AttentionKind) -> Iterator[str]:
    """Why the backend does not serve this start."""
    if kind.is_latent and asked in _PER_HEAD:
        yield "the model has latent attention (MLA), which this backend does not serve"
    elif not kind.is_latent and asked not in _PER_HEAD:
        yield "it serves latent attention (MLA) only, which the model does not have"
    elif kind.is_latent and kind.is_sparse != (asked in _SPARSE):
        yield f"the model's attention is {'sparse' if kind.is_sparse else 'dense'}, and the backend's is not"
    if start.model.is_encoder_decoder and asked in _DECODERS_ONLY:
        yield "it has no attention between encoder and decoder"
    dtype = DTYPES.get(start.engine.dtype, start.engine.dtype)
    if dtype == "float32" and asked not in _ANY_DTYPE:
        yield "it has no kernels for float32"
    yield from _gpu_faults(start, asked)
    cache = start.kv_cache_dtype
    if asked == "FLEX_ATTENTION" and cache not in ("auto", "float16", "bfloat16"):
        yield f"it does not read a cache of {cache}"
    if cache.endswith("_per_token_head") and asked != "TRITON_ATTN":
        yield f"only TRITON_ATTN reads a cache of {cache}"
    if cache.startswith("nvfp4") and asked in _PER_HEAD - {"FLASHINFER"}:
        yield f"only FLASHINFER reads a cache of {cache}"
    yield from _head_faults(start, asked, kind)
    if _reads_both_directions(start) and (
        asked == "FLASHINFER" or (asked == "FLASH_ATTN" and start.release.minor < _FLASH_ATTN_BOTH_DIRECTIONS)
    ):
        yield "it does not read an image in both directions, as the model does"


def _reads_both_directions(start: Start) -> bool:
    items = start.model.unsplit_items
    if items is None or start.model.model_type not in _MODELS_OF_BOTH_DIRECTIONS:
        return False
    return start.release.minor < _TEXT_ONLY_IS_CAUSAL or bool(items.allowed(start.engine_args, start.release))


def _gpu_faults(start: Start, asked: str) -> Iterator[str]:
    capability = start.compute_capability
    if capability is None:
        return
    has = f"{start.gpu.name} has {dotted(capability)}"
    if asked in _MAJORS and capability[0] not in _MAJORS[asked]:
        yield f"it needs compute capability {' or '.join(f'{each}.x' for each in _MAJORS[asked])}; {has}"
    flashinfer = (8, 0) if start.release.minor >= _FLASHINFER_FROM_AMPERE else (7, 5)
    least = {"FLASH_ATTN": (8, 0), "FLASHINFER": flashinfer}.get(asked)
    if least is not None and capability < least:
        yield f"it needs compute capability {dotted(least)} or newer; {has}"
    if asked == "FLASH_ATTN" and capability[0] in (8, 12) and start.kv_cache_dtype.startswith("fp8"):
        yield f"it reads an fp8 cache on compute capability 9.x and 10.x only; {has}"
    if start.model.has_sinks and not _serves_sinks(asked, capability, start):
        yield f"it does not serve attention sinks here; {has}"


def _serves_sinks(asked: str, capability: tuple[int, int], start: Start) -> bool:
    """`supports_sink` and `supports_combination` of the backends with keys and values per head."""
    if asked == "FLASH_ATTN":
        return capability >= (9, 0)
    if asked == "FLASHINFER" and capability[0] != 10:
        first = _FLASHINFER_SINKS.get(capability[0])
        return first is not None and start.release.minor >= first
    return asked != "FLEX_ATTENTION"


def _head_faults(start: Start, asked: str, kind: AttentionKind) -> Iterator[str]:
    wide = {512} if start.release.minor >= _FLASHINFER_WIDE_HEADS else set()
    odd = kind.head_sizes - _FLASHINFER_HEADS - wide
    if asked == "FLASHINFER" and odd:
        yield f"it has no kernels for heads of {', '.join(map(str, sorted(odd)))}"
    if asked == "FLASH_ATTN" and any(size % 8 for size in kind.head_sizes):
        yield "it needs head sizes that are multiples of 8"
    if asked == "TRITON_ATTN" and any(size < _NARROWEST_TRITON_HEAD for size in kind.head_sizes):
        yield f"it needs heads of {_NARROWEST_TRITON_HEAD} or wider"
