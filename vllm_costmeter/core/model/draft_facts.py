"""What decides whether a drafter goes with a model, beside its memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    max_model_len: int | None = None
    """Its own; None for a head that takes the model's positions."""
    predicts: bool = False
    """Whether it has prediction layers of its own: vLLM then drafts with them, whatever was asked for."""
    mixes_windows: bool = False
    """Whether some of its layers have a sliding window and others none."""


def drafting_method(asked: Mapping[str, Any], draft: DraftFacts | None = None) -> object:
    """The method of a `--speculative-config` as vLLM resolves it (`SpeculativeConfig.__post_init__`, 0.17 to 0.33): a
    checkpoint without a method is a draft model unless it is a head or has prediction layers. None where only files
    that are not known here would tell."""
    method, model = asked.get("method"), asked.get("model")
    if method is None and model in ("ngram", "[ngram]"):
        return "ngram"
    if draft is not None and not draft.is_head and method in (None, "draft_model"):
        return "mtp" if draft.predicts else "draft_model"
    return "mtp" if isinstance(method, str) and method.endswith("mtp") else method


_UNMODELLED_KEYS = (
    "draft_lm_head_quantization",
    "enable_adaptive_verification",
    "kv_cache_dtype",
    "num_speculative_tokens_per_batch_size",
)


def unmodelled_notes(asked: Mapping[str, Any]) -> tuple[str, ...]:
    """One note for each key of a `--speculative-config` that may change GPU memory in a way the answer does not
    contain."""
    return tuple(
        f"{key} of --speculative-config may change GPU memory; its effect is not modelled"
        for key in _UNMODELLED_KEYS
        if asked.get(key) not in (None, False, "auto")
    )
