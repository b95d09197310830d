"""Stand-ins for the compiled parts that this machine's vLLM lacks, so that its CUDA code imports without a GPU.

A CPU build has no CUDA kernels; a CUDA build has them but cannot load them without the driver's library. Sizes follow
from vLLM's Python alone, so an extension module that does not load is replaced by an empty one, an operator it would
have registered by an object that may be named but not run, and the few questions asked of kernels while a model is
built are answered from the card's compute capability, as the kernels of vLLM 0.32 do (csrc, read 2026-11-22).
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import os
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

EXTENSIONS = (
    "vllm._C_stable_libtorch",
    "vllm._moe_C_stable_libtorch",
    "vllm._flashmla_C",
    "vllm._flashmla_extension_C",
    "vllm.cumem_allocator",
    "vllm.vllm_flash_attn._vllm_fa2_C",
    "vllm.vllm_flash_attn._vllm_fa3_C",
)
"""Compiled modules of the CUDA build that vLLM 0.32 imports while it builds a model (`_qutlass_C` is optional)."""

CUDA_PACKAGES = (
    "vllm.third_party.flashmla",
    "vllm.third_party.deep_gemm",
    "vllm.third_party.triton_kernels",
    "vllm.vllm_flash_attn.cute",
    "flashinfer",
    "tilelang",
    "cutlass",
    "cuda",
    "quack",
    "tokenspeed_mla",
)
"""Python packages that only the CUDA build carries or requires."""

KERNEL_LANGUAGES = ("cutlass", "quack", "tilelang", "vllm.vllm_flash_attn.cute")
"""Kernels are written in these: importing one decorates functions and makes constants."""

PEER_MEMORY = "vllm.model_executor.layers.minimax_rms_norm.lamport_workspace"
"""Exchanges card memory between ranks while MiniMax is built (and is done without where that fails)."""

IMAGE_PACKAGES = ("torchvision",)
"""What image processors import; no weight and no cache depends on it."""

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
"""Questions to kernels: the smallest compute capability (10 x major + minor) whose kernel says yes."""

TORCHVISION_SCHEMAS = (
    "nms(Tensor a, Tensor b, float c) -> Tensor",
    "qnms(Tensor a, Tensor b, float c) -> Tensor",
    "roi_align(Tensor a, Tensor b, float c, SymInt d, SymInt e, int f, bool g) -> Tensor",
    "qroi_align(Tensor a, Tensor b, float c, int d, int e, int f, bool g) -> Tensor",
    "_roi_align_backward(Tensor a, Tensor b, float c, int d, int e, SymInt f, SymInt g, SymInt h, SymInt i, "
    "int j, bool k) -> Tensor",
    "ps_roi_align(Tensor a, Tensor b, float c, SymInt d, SymInt e, int f) -> (Tensor, Tensor)",
    "_ps_roi_align_backward(Tensor a, Tensor b, Tensor c, float d, SymInt e, SymInt f, int g, SymInt h, SymInt i, "
    "SymInt j, SymInt k) -> Tensor",
    "roi_pool(Tensor a, Tensor b, float c, SymInt d, SymInt e) -> (Tensor, Tensor)",
    "_roi_pool_backward(Tensor a, Tensor b, Tensor c, float d, SymInt e, SymInt f, SymInt g, SymInt h, SymInt i, "
    "SymInt j) -> Tensor",
    "ps_roi_pool(Tensor a, Tensor b, float c, SymInt d, SymInt e) -> (Tensor, Tensor)",
    "_ps_roi_pool_backward(Tensor a, Tensor b, Tensor c, float d, SymInt e, SymInt f, SymInt g, SymInt h, SymInt i, "
    "SymInt j) -> Tensor",
    "deform_conv2d(Tensor a, Tensor b, Tensor c, Tensor d, Tensor e, SymInt f, SymInt g, SymInt h, SymInt i, "
    "SymInt j, SymInt k, SymInt l, SymInt m, bool n) -> Tensor",
    "_deform_conv2d_backward(Tensor a, Tensor b, Tensor c, Tensor d, Tensor e, Tensor f, SymInt g, SymInt h, "
    "SymInt i, SymInt j, SymInt k, SymInt l, SymInt m, SymInt n, bool o) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)
"""Operators that torchvision's Python part gives meta kernels to; where its compiled part does not load (a wheel for
another torch), they must be declared before it imports."""


class MissingOperator:
    """An operator that was never registered: it may be named and kept, and answers only what is asked of kernels."""

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
        raise NotImplementedError(f"the kernel {self._name} is not on this machine")

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


class _AbsentPackages(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds, after everything else failed, an empty module for each name in or below `roots`."""

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = roots

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        inside = any(name == root or name.startswith(root + ".") for root in self._roots)
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if inside else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


class _Empty(types.ModuleType):
    """A module in which every name is a kernel that is not here."""

    __version__ = "999"
    """Nobody's newest-enough check fails on it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.__name__.startswith(
            "cuda."
        ):  # tvm_ffi asks of its arguments whether they are the driver's handles
            if not name[0].isupper():
                raise AttributeError(name)  # a module below: the finder has it
            return type(name, (), {})
        return MissingOperator(self.__name__, name)


def stand_in() -> None:
    """Install all stand-ins; what does load on this machine stays as it is. Call once, before vllm is imported."""
    _allow_unregistered_operators()
    present = {name: _file_of(name) for name in EXTENSIONS}
    for name, file in present.items():
        if file is None or not _loads(file):
            sys.modules[name] = _module(name)
    absent = [root for root in IMAGE_PACKAGES if importlib.util.find_spec(root) is None]
    if not any(present.values()):  # a CPU build: it is asked as the CUDA build of its version
        absent += CUDA_PACKAGES
        sys.modules[PEER_MEMORY] = _module(PEER_MEMORY)
        os.environ["VLLM_HAS_FLASHINFER_CUBIN"] = "1"  # the CUDA build requires flashinfer-cubin (0.32)
    sys.meta_path.append(_AbsentPackages(absent))
    if "torchvision" not in absent:
        _declare_torchvision()


def admit_flash_attention_4() -> None:
    """On a CPU build, FlashAttention 4 (pure Python, in the CUDA build only) counts as there. Needs vllm's platform."""
    if "vllm.vllm_flash_attn._vllm_fa3_C" in sys.modules:
        from vllm.vllm_flash_attn import flash_attn_interface

        flash_attn_interface.FA4_AVAILABLE = True


def _file_of(name: str) -> str | None:
    """Where a compiled module of vllm lies, found without importing the package around it."""
    root = importlib.machinery.PathFinder.find_spec("vllm")
    inner, leaf = name.split(".")[1:-1], name.rpartition(".")[2]
    folders = (
        ["/".join((folder, *inner)) for folder in (root.submodule_search_locations or ())] if root else []
    )
    spec = importlib.machinery.PathFinder.find_spec(leaf, folders)
    return spec.origin if spec else None


def _loads(file: str) -> bool:
    import torch

    try:
        torch.ops.load_library(file)
    except OSError:
        return False
    return True


def _module(name: str) -> types.ModuleType:
    module = _Empty(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
    module.__path__ = []
    module.__file__ = f"<{name}: not on this machine>"
    return module


def _allow_unregistered_operators() -> None:
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


_torchvision: list[Any] = []
"""Keeps the declaring library alive: its operators go with it."""


def _declare_torchvision() -> None:
    import torch

    if hasattr(torch.ops.torchvision, "nms"):
        return
    library = torch.library.Library("torchvision", "DEF")
    for schema in TORCHVISION_SCHEMAS:
        library.define(schema)
    _torchvision.append(library)
