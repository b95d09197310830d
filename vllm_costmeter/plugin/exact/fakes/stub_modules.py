"""Stubs for modules that this machine's vLLM lacks, so that its CUDA code can be imported without a GPU.

A CUDA build has its kernels but cannot load them without the driver's library. A CPU build has none, and its own must
not load in their place: vLLM's CUDA code imports `vllm._C`, which a CPU build compiles for AVX-512, whatever this CPU
has (the CPU platform would have chosen `_C_AVX2`; platforms/cpu.py, 0.32). Sizes follow from vLLM's Python alone, so an
extension module is replaced by an empty one, and an operator it would have registered by one that may be named but not
run (`missing_operators`).
"""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys

from vllm_costmeter.plugin.exact.fakes.empty_modules import AbsentPackages, CompiledModules, empty_module
from vllm_costmeter.plugin.exact.fakes.stub_operators import allow_unregistered_operators

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
"""Exchanges GPU memory between ranks while MiniMax is built (optional: vLLM continues without it)."""

IMAGE_PACKAGES = ("torchvision",)
"""Imported by image processors; no weight or cache depends on it."""


def stand_in() -> None:
    """Install all stand-ins; of a CUDA build, what loads on this machine stays as it is, of any other build nothing
    compiled loads. Call once, before vllm is imported."""
    allow_unregistered_operators()
    is_cuda = is_cuda_build()
    for name in EXTENSIONS:
        if not (is_cuda and _loads(name)):
            sys.modules[name] = empty_module(name)
    broken = [name for name in IMAGE_PACKAGES if not _imports(name)]
    sys.meta_path.insert(0, AbsentPackages(broken))
    if not is_cuda:  # it is asked as the CUDA build of its version
        sys.meta_path.insert(0, CompiledModules("vllm"))
        sys.meta_path.append(AbsentPackages(CUDA_PACKAGES))
        sys.modules[PEER_MEMORY] = empty_module(PEER_MEMORY)
        os.environ["VLLM_HAS_FLASHINFER_CUBIN"] = (
            "1"  # else vLLM looks for a CUDA compiler (utils/flashinfer.py, 0.32)
        )


def _imports(name: str) -> bool:
    """Whether a package can be imported; torchvision cannot with a torch that it was not built for."""
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


def is_cuda_build() -> bool:
    """Whether the installed vLLM is the CUDA build, found without loading it."""
    return _file_of(CUDA_MARK) is not None


def _file_of(name: str) -> str | None:
    """Location of a compiled module of vllm, found without importing its package."""
    root = importlib.machinery.PathFinder.find_spec("vllm")
    inner, leaf = name.split(".")[1:-1], name.rpartition(".")[2]
    folders = (
        ["/".join((folder, *inner)) for folder in (root.submodule_search_locations or ())] if root else []
    )
    spec = importlib.machinery.PathFinder.find_spec(leaf, folders)
    return spec.origin if spec else None


def _loads(name: str) -> bool:
    import torch

    file = _file_of(name)
    if file is None:
        return False
    try:
        torch.ops.load_library(file)
    except OSError:
        return False
    return True
