"""A stand-in for SGLang's compiled kernels, published for GPUs only, so that SGLang starts on a CPU.

Any name can be imported from here; calling a kernel raises an error with its name. A Llama in float32 with
`torch_native` attention calls none of them: it runs only SGLang's Python and PyTorch.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import Any, NoReturn

__version__ = "99.0"


class Kernel:
    """A name in the compiled library."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> Kernel:
        if name.startswith("__"):
            raise AttributeError(name)
        return Kernel(f"{self.name}.{name}")

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError(f"SGLang's kernel {self.name} is not available on this machine")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kernel) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


class KernelModule(ModuleType):
    """A module under `sgl_kernel` that has every name."""

    def __getattr__(self, name: str) -> Kernel:
        if name.startswith("__"):
            raise AttributeError(name)
        return Kernel(f"{self.__name__}.{name}")


class KernelModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds every module under `sgl_kernel`."""

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if not name.startswith("sgl_kernel."):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return KernelModule(spec.name)

    def exec_module(self, _: ModuleType) -> None:
        return


sys.meta_path.append(KernelModules())


def __getattr__(name: str) -> Kernel:
    if name.startswith("__"):
        raise AttributeError(name)
    return Kernel(name)
