"""vllm-costmeter: what self-hosted vLLM serving costs, and whether a deployment fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vllm_costmeter.api import check as check

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`vllm_costmeter.check`, loaded when first asked for: the plugin must not pay for it in every process."""
    if name == "check":
        from vllm_costmeter.api import check

        return check
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
