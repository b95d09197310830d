"""Bytes alive, followed on tensors without memory."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from required_tool import required_module

pytestmark = pytest.mark.heavy  # torch takes seconds to import

FILE = Path(__file__).resolve().parents[2] / "scripts" / "profile_run" / "live_bytes.py"


@pytest.fixture(scope="module")
def torch() -> Any:
    """PyTorch, imported only where these tests run."""
    return required_module("torch")


@pytest.fixture(scope="module")
def live_bytes() -> ModuleType:
    """The module, which lies in the worker's own folder."""
    spec = importlib.util.spec_from_file_location("live_bytes", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_peak_is_what_lived_together(live_bytes: ModuleType, torch: Any) -> None:
    """Views and known tensors cost nothing; what is freed before the next is made does not add to it."""
    known = torch.empty(1000, device="meta")
    live = live_bytes.LiveBytes({}, [known])
    with live:
        first = known * 2
        view = first[:500]
        second = first + first
        del first, second
        del view
        third = known + 1
    assert (live.peak, live.now) == (8000, 4000)
    del third
    assert live.now == 0


def test_a_custom_operator_shows_what_it_allocates_inside(live_bytes: ModuleType, torch: Any) -> None:
    """vLLM's operators return small tensors and take large workspaces; one that fails is named and left out."""
    library = torch.library.Library("vllm", "FRAGMENT")
    operators: dict[str, Callable[..., Any]] = {"made_up": _with_workspace, "made_up_failing": _failing}
    for name in operators:
        library.define(f"{name}(Tensor x) -> Tensor")
        library.impl(name, torch.empty_like, "Meta")
    known = torch.empty(10, device="meta")
    live = live_bytes.LiveBytes(operators, [known])
    with live:
        torch.ops.vllm.made_up(known)
        torch.ops.vllm.made_up_failing(known)
    assert live.peak == 40 + 4000
    assert live.not_run == ["made_up_failing"]


def _with_workspace(x: Any) -> Any:
    workspace = x.new_empty(1000)
    return x + workspace[:10]


def _failing(x: Any) -> Any:
    raise RuntimeError(f"{x.item()} has no value here")
