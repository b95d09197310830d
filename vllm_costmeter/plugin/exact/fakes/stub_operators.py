"""Stubs for operators that are missing on this machine, so that vLLM's CUDA code can be imported; they never run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

OPERATORS = frozenset(
    [
        "_C",
        "_moe_C",
        "_C_cache_ops",
        "_C_custom_ar",
        "_C_cuda_utils",
        "_flashmla_C",
        "_flashmla_extension_C",
        "_qutlass_C",
        "_vllm_fa2_C",
        "_vllm_fa3_C",
    ]
)
"""The operator namespaces those modules register."""

_FIRST_CAPABILITY = {
    "cutlass_scaled_mm_supports_fp8": 89,
    "cutlass_scaled_mm_supports_block_fp8": 90,
    "cutlass_group_gemm_supported": 90,
    "cutlass_scaled_mm_supports_fp4": 100,
    "mxfp4_experts_quant_supported": 100,
}
"""Questions to kernels: the smallest compute capability (10 x major + minor) that has them. Tensor cores take FP8
from Ada (8.9) and FP4 from Blackwell (10.0) on; CUTLASS scales FP8 by blocks and groups products from Hopper on."""

KERNEL_LANGUAGES = ("cutlass", "quack", "tilelang", "vllm.vllm_flash_attn.cute")
"""Kernels are written in these: importing one decorates functions and makes constants."""


class MissingOperator:
    """An unregistered operator: it can be referenced and stored, and only answers queries about kernels."""

    __signature__ = inspect.Signature([inspect.Parameter("ckv_scale_arr", inspect.Parameter.KEYWORD_ONLY)])
    """vLLM knows FlashInfer 0.6.18, which its CUDA build requires, by this argument (utils/flashinfer.py, 0.32)."""

    def __init__(self, namespace: str, name: str) -> None:
        self._name = f"{namespace}.{name}"
        self._first = _FIRST_CAPABILITY.get(name)

    def __call__(self, *arguments: Any, **_: Any) -> Any:
        if self._first is not None:
            return int(arguments[0]) >= self._first
        if self._name.startswith(KERNEL_LANGUAGES):
            return arguments[0] if arguments and callable(arguments[0]) else self
        raise NotImplementedError(f"the kernel {self._name} is not available on this machine")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()  # a class may name it as its base

    def __or__(self, other: object) -> MissingOperator:
        return self

    __ror__ = __or__

    def __getitem__(self, _: object) -> MissingOperator:
        return self

    def __getattr__(self, overload: str) -> MissingOperator:
        if overload.startswith("__"):
            raise AttributeError(overload)
        return self


def allow_unregistered_operators() -> None:
    """Let vLLM name, keep and give fake kernels to operators that no module registered."""
    import torch
    import torch._ops
    import torch.library

    namespace: Any = torch._ops._OpNamespace
    known: Callable[[Any, str], Any] = namespace.__getattr__

    def operator(self: Any, name: str) -> Any:
        try:
            return known(self, name)
        except AttributeError:
            if self.name not in OPERATORS or name.startswith("__"):
                raise
            return MissingOperator(self.name, name)

    namespace.__getattr__ = operator
    register_fake = torch.library.register_fake

    def register_fake_if_there(op: Any, func: Any = None, /, **kwargs: Any) -> Any:
        def register(kernel: Any) -> Any:
            try:
                return register_fake(op, **kwargs)(kernel)
            except RuntimeError as why:
                if "does not exist" not in str(why):
                    raise
                return kernel

        return register if func is None else register(func)

    torch.library.register_fake = register_fake_if_there
