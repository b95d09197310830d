"""vllm-costmeter: what self-hosted vLLM serving costs, and whether a deployment fits."""

from __future__ import annotations

TYPE_CHECKING = False  # as of typing, which takes longer to import than this package
if TYPE_CHECKING:
    from typing import Any

    from vllm_costmeter.api import check as check
    from vllm_costmeter.core.errors import BadInputError as BadInputError
    from vllm_costmeter.core.errors import NotUnderstoodError as NotUnderstoodError
    from vllm_costmeter.core.fit.result import Fit as Fit
    from vllm_costmeter.core.gpu.group import GpuGroup as Gpu
    from vllm_costmeter.measuring import MeasuredCost as MeasuredCost
    from vllm_costmeter.measuring import measure as measure

__version__ = "0.1.0"
__all__ = ["BadInputError", "Fit", "Gpu", "MeasuredCost", "NotUnderstoodError", "check", "measure"]

_HOMES = {
    "check": ("api", "check"),
    "measure": ("measuring", "measure"),
    "MeasuredCost": ("measuring", "MeasuredCost"),
    "Fit": ("core.fit.result", "Fit"),
    "Gpu": ("core.gpu.group", "GpuGroup"),
    "BadInputError": ("core.errors", "BadInputError"),
    "NotUnderstoodError": ("core.errors", "NotUnderstoodError"),
}


def __getattr__(name: str) -> Any:
    """Each public name, loaded when first asked for: the plugin must not pay for them in every process of vLLM."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
