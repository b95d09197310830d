"""What a rule sees, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engine.config import is_chunked_prefill

if TYPE_CHECKING:
    from vllm_costmeter.core.engine.args import EngineArgs
    from vllm_costmeter.core.engine.config import EngineConfig
    from vllm_costmeter.core.fit.result import Reason
    from vllm_costmeter.core.gpu.group import GpuGroup
    from vllm_costmeter.core.model.model import Model
    from vllm_costmeter.core.release import Release


@dataclass(frozen=True, slots=True)
class Start:
    """One start of vLLM: the flags as given and as resolved, before a model is loaded."""

    model: Model
    gpu: GpuGroup
    engine_args: EngineArgs
    engine: EngineConfig

    @property
    def release(self) -> Release:
        return self.engine.release

    @property
    def compute_capability(self) -> tuple[int, int] | None:
        """None if unknown: a rule that depends on it then refuses nothing."""
        return self.gpu.compute_capability

    @property
    def kv_cache_dtype(self) -> str:
        """The one that is asked for, else the checkpoint's own, else "auto"."""
        asked = self.engine_args.kv_cache_dtype
        return (self.model.attention.kv_cache_dtype or asked) if asked == "auto" else asked

    @property
    def attention_backend(self) -> str | None:
        """The name of the one that is asked for; None: vLLM chooses."""
        asked = (self.engine_args.attention_backend or "auto").upper()
        return None if asked == "AUTO" else asked

    @property
    def is_chunked(self) -> bool:
        """Whether a long prompt is processed in several steps."""
        return is_chunked_prefill(self.model, self.engine_args)

    @property
    def is_dense(self) -> bool:
        """Whether the model certainly has no experts."""
        counts_per_block = any(word in self.model.architecture for word in _EXPERTS_PER_BLOCK)
        return not self.model.is_moe and self.model.not_understood is None and not counts_per_block


_EXPERTS_PER_BLOCK = ("DeciLM", "Puzzle")
"""Architectures whose files count experts block by block (`get_num_experts_from_block_configs`)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why vLLM stops this start."""

    reason: Reason
    message: str
    """One line, without the release's own wording where plain words say more."""
    changes: tuple[Mapping[str, Any], ...] = ()
    """New values by field of EngineArgs, any of which may let it start; each is proven by `fit` before it is shown."""
    is_certain: bool = True
    """False where it depends on what a check cannot see (a plugin): what otherwise fits is then `tight`. No refusal is
    certain for a build between two releases."""
