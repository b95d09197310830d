"""What decides whether a drafter goes with a model, beside its memory."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.release import Version


@dataclass(frozen=True, slots=True)
class DraftFacts:
    """The draft model or head that `--speculative-config` names, from its own config.json."""

    architecture: str
    model_type: str
    vocab_size: int
    """0 if unknown."""
    is_moe: bool
    is_pipelined: bool
    """Whether vLLM supports pipeline parallelism for it (`SupportsPP`)."""
    first_release: Version | None = None
    """The first vLLM release with a class for a head; None: all known releases have one, or it is no head."""
    is_head: bool = False
    """Whether it is no whole model: a head, or an assistant."""
