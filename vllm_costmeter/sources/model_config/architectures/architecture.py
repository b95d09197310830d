"""How one architecture of vLLM's registry is built from config.json."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vllm_costmeter.core.model.parts import Part
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.architectures import dense
from vllm_costmeter.sources.model_config.architectures.source import Source

Builder = Callable[[Source], Weights]
Tower = Callable[[Source], tuple[Part, ...]]


@dataclass(frozen=True, slots=True)
class Architecture:
    """How one architecture is built, and how its checkpoint's names turn into vLLM's (for quantization rules)."""

    build: Builder
    tower: Tower | None = None
    renames: tuple[tuple[str, str], ...] = ()
    """(checkpoint prefix, vLLM prefix), the first that matches applies."""
    inputs: tuple[str, ...] = ("image",)
    """What the tower serves, under vLLM's names in `--limit-mm-per-prompt`."""
    tower_is_plain: bool = False
    """True where vLLM leaves the tower unquantized whatever the checkpoint's rules say."""
    is_pooling: bool = False
    is_encoder_decoder: bool = False
    is_pipelined: bool = True
    """Whether vLLM's class cuts it into pipeline ranks (`SupportsPP`)."""
    blackwell_kv_cache_dtype: str | None = None
    """The cache dtype that vLLM chooses by itself on compute capability 10.x."""
    last_release: tuple[int, int] | None = None
    """The last vLLM that serves it; None: the newest does."""


def of_style(style: dense.Style) -> Builder:
    """A dense decoder."""
    return lambda source: dense.dense(source, style)
