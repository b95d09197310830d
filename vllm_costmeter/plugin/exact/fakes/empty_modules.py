"""Empty modules in place of those that are missing or must not be loaded, and the finders that provide them."""

from __future__ import annotations

import abc
import importlib.abc
import importlib.machinery
import types
from collections.abc import Sequence
from typing import Any

from vllm_costmeter.plugin.exact.fakes.stub_operators import MissingOperator

Spec = importlib.machinery.ModuleSpec


def empty_module(name: str) -> types.ModuleType:
    """A module or package in which every name is a missing kernel."""
    module = _Empty(name)
    module.__spec__ = Spec(name, None, is_package=True)
    module.__path__ = []
    module.__file__ = f"<{name}: not on this machine>"
    return module


class _Empty(types.ModuleType):
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


class _EmptyModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """A finder and loader in one that gives an empty module for every name that `stands_in` is true of."""

    @abc.abstractmethod
    def stands_in(self, name: str, path: Sequence[str] | None) -> bool:
        """Whether the module `name`, looked for on `path`, is replaced by an empty one."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> Spec | None:
        return Spec(name, self, is_package=True) if self.stands_in(name, path) else None

    def create_module(self, spec: Spec) -> types.ModuleType:
        return empty_module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


class AbsentPackages(_EmptyModules):
    """Stands in for each name in or below `roots`."""

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = roots

    def stands_in(self, name: str, path: Sequence[str] | None) -> bool:
        return any(name == root or name.startswith(root + ".") for root in self._roots)


class CompiledModules(_EmptyModules):
    """Stands in for whatever Python would load from a compiled file inside `package`, under any name."""

    def __init__(self, package: str) -> None:
        self._below = package + "."

    def stands_in(self, name: str, path: Sequence[str] | None) -> bool:
        if not name.startswith(self._below):
            return False
        found = importlib.machinery.PathFinder.find_spec(name, path)
        return found is not None and isinstance(found.loader, importlib.machinery.ExtensionFileLoader)
