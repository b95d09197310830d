"""Bytes of one stored key and value for every `--kv-cache-dtype` that vLLM lists, and of a recurrent state."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError, nearest
from vllm_costmeter.core.model.rank import DTYPE_BYTES

_PLAIN_FP8 = ("fp8", "fp8_e4m3", "fp8_e5m2", "fp8_inc")
_TURBOQUANT_BITS = {  # (key bits, value bits): presets of quantization/turboquant/config.py, vLLM 0.32
    "turboquant_k8v4": (8, 4),
    "turboquant_4bit_nc": (4, 4),
    "turboquant_k3v4_nc": (3, 4),
    "turboquant_3bit_nc": (3, 3),
}
_OCTAVE = (
    "octave_k3v4",
    "octave_k3v3",
    "octave_k3v3_compact",
)  # v1/attention/backends/rocm_octave_attn.py of vLLM 0.33, for AMD alone
_LATENT_BYTES = {"fp8_ds_mla": 656, "nvfp4_ds_mla": 352}  # mla_attention.py of vLLM 0.32: one packed latent
KV_CACHE_DTYPES = (  # CacheDType of vLLM 0.33, config/cache.py
    "auto",
    "float16",
    "bfloat16",
    *_PLAIN_FP8,
    *_LATENT_BYTES,
    *_TURBOQUANT_BITS,
    *_OCTAVE,
    "ultraquant_4bit",
    "int4_per_token_head",
    "int8_per_token_head",
    "fp8_per_token_head",
    "nvfp4",
    "nvfp4_4over6",
)


def dtype_bytes(name: str) -> int:
    """Bytes of one value of a model or state dtype. Raises NotUnderstoodError for anything but a float dtype."""
    known = DTYPE_BYTES.get(name.removeprefix("torch."))
    if known is None:
        raise NotUnderstoodError(f"dtype {name!r} is not known; known: {', '.join(DTYPE_BYTES)}")
    return known


def check_kv_cache_dtype(name: str) -> None:
    """BadInputError unless vLLM lists `name` among the choices of `--kv-cache-dtype`."""
    if name not in KV_CACHE_DTYPES:
        raise BadInputError(
            f"--kv-cache-dtype {name} is not one of {', '.join(KV_CACHE_DTYPES)}{nearest(name, KV_CACHE_DTYPES)}"
        )


def is_quantized(kv_dtype: str) -> bool:
    return kv_dtype not in ("auto", *DTYPE_BYTES)


def element_bytes(kv_dtype: str, model_dtype: str) -> int:
    """Bytes of one unscaled element: of the model's dtype, of a float dtype, or of plain fp8."""
    if kv_dtype == "auto":
        return dtype_bytes(model_dtype)
    if kv_dtype in _PLAIN_FP8:
        return 1
    return dtype_bytes(kv_dtype)


def key_value_bytes(head_size: int, head_size_v: int, kv_dtype: str, model_dtype: str) -> int:
    """Bytes of the key and value of one token and one head, scales included.

    Source: `customize_spec` of vLLM 0.32's Triton (per-token-head scales), FlashInfer (NVFP4) and TurboQuant
    backends. Errors: NotUnderstoodError for formats of other devices or of latents.
    """
    if kv_dtype in ("int8_per_token_head", "fp8_per_token_head"):
        return head_size + head_size_v + 8
    if kv_dtype == "int4_per_token_head":
        return head_size // 2 + head_size_v // 2 + 8
    if kv_dtype in ("nvfp4", "nvfp4_4over6"):
        return _nvfp4_bytes(head_size) + _nvfp4_bytes(head_size_v)
    if kv_dtype in _TURBOQUANT_BITS:
        key_bits, value_bits = _TURBOQUANT_BITS[kv_dtype]
        key = head_size if key_bits == 8 else -(-head_size * key_bits // 8) + 2
        slot = key + -(-head_size_v * value_bits // 8) + 4
        return slot + slot % 2
    if kv_dtype in _LATENT_BYTES or kv_dtype in ("ultraquant_4bit", *_OCTAVE):
        raise NotUnderstoodError(f"--kv-cache-dtype {kv_dtype} is not modelled for this model's attention")
    return (head_size + head_size_v) * element_bytes(kv_dtype, model_dtype)


def latent_bytes(latent_size: int, kv_dtype: str, model_dtype: str) -> int:
    """Bytes of one MLA latent of `latent_size` values. Raises NotUnderstoodError for formats MLA backends lack."""
    if kv_dtype in _LATENT_BYTES:
        return _LATENT_BYTES[kv_dtype]
    if is_quantized(kv_dtype) and kv_dtype not in _PLAIN_FP8:
        raise NotUnderstoodError(f"--kv-cache-dtype {kv_dtype} is not modelled for latent attention (MLA)")
    return latent_size * element_bytes(kv_dtype, model_dtype)


def _nvfp4_bytes(head_size: int) -> int:
    """Two 4-bit values a byte and one fp8 scale for 16 of them (`nvfp4_kv_cache_full_dim`, vLLM 0.32)."""
    return head_size // 2 + head_size // 16


@dataclass(frozen=True, slots=True)
class StateFormat:
    """How states are stored: the flags `--mamba-cache-dtype` and `--mamba-ssm-cache-dtype`, and the model's dtype."""

    model_dtype: str
    mamba_cache_dtype: str = "auto"
    mamba_ssm_cache_dtype: str = "auto"
    speculative_tokens: int = 0
    """Draft tokens per step: the convolution window keeps as many inputs more."""

    @property
    def conv_bytes(self) -> int:
        name = self.mamba_cache_dtype
        return dtype_bytes(self.model_dtype if name == "auto" else name)

    def recurrent_bytes(self, checkpoint_dtype: str | None) -> int:
        """Bytes of one value of the recurrent state: the flag, else the checkpoint's wish, else the window's."""
        if self.mamba_ssm_cache_dtype != "auto":
            return dtype_bytes(self.mamba_ssm_cache_dtype)
        return self.conv_bytes if checkpoint_dtype is None else dtype_bytes(checkpoint_dtype)
