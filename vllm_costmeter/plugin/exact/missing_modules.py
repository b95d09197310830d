"""Stand-ins for the modules that this machine's vLLM lacks, so that its CUDA code imports without a GPU.

A CPU build has no CUDA kernels; a CUDA build has them but cannot load them without the driver's library. Sizes follow
from vLLM's Python alone, so an extension module that does not load is replaced by an empty one, and an operator it
would have registered by one that may be named but not run (`missing_operators`).
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import os
import sys
import types
from collections.abc import Sequence
from typing import Any

from vllm_costmeter.plugin.exact.missing_operators import MissingOperator, allow_unregistered_operators

CUDA_MARK = "vllm.vllm_flash_attn._vllm_fa2_C"
"""The compiled module that only the CUDA build has."""

EXTENSIONS = (
    "vllm._C",
    "vllm._moe_C",
    "vllm._C_stable_libtorch",
    "vllm._moe_C_stable_libtorch",
    "vllm._flashmla_C",
    "vllm._flashmla_extension_C",
    "vllm.cumem_allocator",
    CUDA_MARK,
    "vllm.vllm_flash_attn._vllm_fa3_C",
)
"""Compiled modules that the CUDA code of vLLM 0.24 to 0.32 imports while it builds a model."""

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

PEER_MEMORY = "vllm.model_executor.layers.minimax_rms_norm.lamport_workspace"
"""Exchanges card memory between ranks while MiniMax is built (and is done without where that fails)."""

IMAGE_PACKAGES = ("torchvision",)
"""What image processors import; no weight and no cache depends on it."""


class _AbsentPackages(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds an empty module for each name in or below `roots`."""

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
    allow_unregistered_operators()
    for name in EXTENSIONS:
        file = _file_of(name)
        if file is None or not _loads(file):
            sys.modules[name] = _module(name)
    broken = [name for name in IMAGE_PACKAGES if not _imports(name)]
    sys.meta_path.insert(0, _AbsentPackages(broken))
    if _file_of(CUDA_MARK) is None:  # a CPU build: it is asked as the CUDA build of its version
        sys.meta_path.append(_AbsentPackages(CUDA_PACKAGES))
        sys.modules[PEER_MEMORY] = _module(PEER_MEMORY)
        os.environ["VLLM_HAS_FLASHINFER_CUBIN"] = (
            "1"  # else vLLM looks for a CUDA compiler (utils/flashinfer.py, 0.32)
        )


def _imports(name: str) -> bool:
    """Whether a package imports; torchvision does not beside a torch that it was not built for."""
    try:
        importlib.import_module(name)
    except (ImportError, OSError, RuntimeError):
        for loaded in [found for found in sys.modules if found.partition(".")[0] == name]:
            del sys.modules[loaded]
        return False
    return True


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
