"""Compiled code of a package stays out, whatever it is called and however it is imported."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from vllm_costmeter.plugin.exact.fakes.empty_modules import CompiledModules


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An importable package `engine` whose compiled files cannot load on any machine."""
    package = tmp_path / "engine"
    (package / "deep").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "deep" / "__init__.py").touch()
    (package / "rules.py").write_text("try:\n    from . import _C\nexcept ImportError:\n    _C = None\n")
    for number, suffix in enumerate(EXTENSION_SUFFIXES):
        (package / f"_kernels{number}{suffix}").write_bytes(b"not for this CPU")
    (package / f"_C{EXTENSION_SUFFIXES[0]}").write_bytes(b"not for this CPU")
    (package / "deep" / f"spinloop{EXTENSION_SUFFIXES[0]}").write_bytes(b"not for this CPU")
    monkeypatch.syspath_prepend(tmp_path)
    before, finders = set(sys.modules), list(sys.meta_path)
    yield package
    sys.meta_path[:] = finders
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_without_the_stand_ins_python_would_load_them(engine: Path) -> None:
    """The compiled files are real enough to be loaded: Python tries."""
    with pytest.raises(ImportError):
        importlib.import_module("engine._C")


def test_no_compiled_module_of_the_package_loads(engine: Path) -> None:
    """At every depth, with every suffix, in either form of import, a name is there that may not be called."""
    sys.meta_path.insert(0, CompiledModules("engine"))
    names = [f"engine._kernels{number}" for number in range(len(EXTENSION_SUFFIXES))]
    for name in (*names, "engine.deep.spinloop"):
        kernel = importlib.import_module(name).any_kernel
        with pytest.raises(NotImplementedError, match="not available on this machine"):
            kernel()
    assert importlib.import_module("engine.rules")._C is importlib.import_module("engine._C")


def test_what_the_package_lacks_is_lacking_still(engine: Path) -> None:
    """vLLM asks by ImportError what its build has, and for other packages nothing changes."""
    sys.meta_path.insert(0, CompiledModules("engine"))
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("engine._moe_C")
    assert importlib.import_module("engine.rules").__file__ == str(engine / "rules.py")
    assert CompiledModules("eng").find_spec("engine._C", [str(engine)]) is None
