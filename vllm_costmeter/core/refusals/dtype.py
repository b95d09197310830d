"""`--dtype` that the GPU or the model does not support."""

from __future__ import annotations

from vllm_costmeter.core.model.served_dtype import BFLOAT16_CAPABILITY, NO_FLOAT16
from vllm_costmeter.core.refusals.attention_kind import DTYPES, attention_kind
from vllm_costmeter.core.refusals.start import Refusal, Start
from vllm_costmeter.core.release import dotted

_PLAMO2_WITH_FLOAT16 = (0, 27)  # gone from _FLOAT16_NOT_SUPPORTED_MODELS in 0.27.0


def dtype_fault(start: Start) -> Refusal | None:
    """`check_if_supports_dtype` of vllm/platforms/cuda.py and `_check_valid_dtype` of vllm/config/model.py, the same
    in 0.17.0 to 0.33.0 except for Plamo 2; `supported_dtypes` of the MLA backends."""
    dtype, capability, model_type = start.engine.dtype, start.compute_capability, start.model.model_type
    if dtype == "bfloat16" and capability is not None and capability < BFLOAT16_CAPABILITY:
        return Refusal(
            "compute_capability",
            f"--dtype bfloat16 needs compute capability {dotted(BFLOAT16_CAPABILITY)} or newer; "
            f"{start.gpu.name} has {dotted(capability)}",
            ({"dtype": "auto"},),
        )
    refuses = model_type in NO_FLOAT16 or (
        model_type == "plamo2" and start.release.minor < _PLAMO2_WITH_FLOAT16
    )
    if dtype in ("float16", "half") and refuses:
        return Refusal(
            "dtype",
            f"{model_type} models overflow in float16, and vLLM refuses --dtype {dtype} for them",
            ({"dtype": "auto"},),
        )
    kind = attention_kind(start) if DTYPES.get(dtype, dtype) == "float32" else None
    if kind is not None and kind.is_latent:
        return Refusal("dtype", "no backend for latent attention (MLA) runs in float32", ({"dtype": "auto"},))
    return None
