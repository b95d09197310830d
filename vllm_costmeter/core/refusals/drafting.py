"""Draft tokens that leave no room in a step, and drafts of another vocabulary or count than the target's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.model.draft_facts import DraftFacts
from vllm_costmeter.core.refusals.prediction_models import predicts_since
from vllm_costmeter.core.refusals.start import Refusal, Start

_SLOTS_OF_ALL = (0, 20)  # before, only an explicit --max-num-scheduled-tokens was compared
_SLOTS_OF_ONE = (0, 28)


def drafting_fault(start: Start) -> Refusal | None:
    asked = start.engine_args.speculative_config or {}
    return (
        _ngram_fault(asked)
        or _length_fault(start, asked)
        or _divisible_fault(start, asked)
        or _vocabulary_fault(start, asked)
        or _slots_fault(start, asked)
    )


def _ngram_fault(asked: Mapping[str, Any]) -> Refusal | None:
    least, most = asked.get("prompt_lookup_min"), asked.get("prompt_lookup_max")
    if asked.get("method") not in ("ngram", "ngram_gpu") or type(least) is not int or type(most) is not int:
        return None
    if least <= most:
        return None
    return Refusal(
        "speculative_config",
        f"--speculative-config: prompt_lookup_min {least} exceeds prompt_lookup_max {most}",
        ({"speculative_config": {**asked, "prompt_lookup_min": most}},),
    )


def _length_fault(start: Start, asked: Mapping[str, Any]) -> Refusal | None:
    """`_maybe_override_draft_max_model_len`: a draft reads no more than the target (0.17.0 to 0.33.0)."""
    stated, length = asked.get("max_model_len"), start.engine.max_model_len
    has_draft = isinstance(asked.get("model"), str) or str(asked.get("method")).endswith("mtp")
    if not has_draft:
        return None
    from vllm_costmeter.core.whole_number import whole_number

    if (whole_number(str(stated)) or 0) <= length:
        return None
    return Refusal(
        "speculative_config",
        f"--speculative-config: max_model_len {stated} exceeds --max-model-len {length}",
        ({"speculative_config": {**asked, "max_model_len": length}},),
    )


def _divisible_fault(start: Start, asked: Mapping[str, Any]) -> Refusal | None:
    """`num_speculative_tokens` above the number of prediction layers must be a multiple of it (0.17.0 to 0.33.0)."""
    drafter, tokens = start.model.drafter, asked.get("num_speculative_tokens")
    if drafter is None or not drafter.is_own or drafter.predicted_tokens is None or type(tokens) is not int:
        return None
    layers = drafter.predicted_tokens
    if tokens <= layers or tokens % layers == 0:
        return None
    return Refusal(
        "speculative_config",
        f"--speculative-config: num_speculative_tokens {tokens} is not a multiple of the model's {layers} prediction "
        "layers",
        tuple(
            {"speculative_config": {**asked, "num_speculative_tokens": fewer}}
            for fewer in (tokens // layers * layers, layers)
        ),
    )


def _vocabulary_fault(start: Start, asked: Mapping[str, Any]) -> Refusal | None:
    """`verify_equal_vocab_size_if_draft_model`, 0.17.0 to 0.33.0."""
    draft = _draft_model(start, asked)
    target = start.model.sizes.vocab_size
    if draft is None or asked.get("use_heterogeneous_vocab") is True:
        return None
    if draft.vocab_size == target or not draft.vocab_size or not target:
        return None
    changes: tuple[Mapping[str, Any], ...] = ()
    if start.release.minor >= (0, 25):
        changes = ({"speculative_config": {**asked, "use_heterogeneous_vocab": True}},)
    return Refusal(
        "speculative_config",
        f"--speculative-config: the draft model has a vocabulary of {draft.vocab_size:,}, the model one of {target:,}; "
        "they must be equal",
        changes,
    )


def _slots_fault(start: Start, asked: Mapping[str, Any]) -> Refusal | None:
    """`_set_max_num_scheduled_tokens` of vllm/config/vllm.py: tokens of a step that the drafter takes for itself."""
    release, batched, seqs = (
        start.release.minor,
        start.engine.max_num_batched_tokens,
        start.engine.max_num_seqs,
    )
    slots = _slots(start, asked)
    if not slots or release < _SLOTS_OF_ALL:
        return None
    taken = slots * seqs if release < _SLOTS_OF_ONE else slots
    if batched > taken:
        return None
    flags = f"--max-num-batched-tokens {batched}"
    if release < _SLOTS_OF_ONE:
        what = f"{slots} for each of --max-num-seqs {seqs}"
        fewer: tuple[Mapping[str, Any], ...] = (
            ({"max_num_seqs": (batched - 1) // slots},) if batched > slots else ()
        )
    else:
        what, fewer = f"{slots} for one request", ()
    return Refusal(
        "max_num_batched_tokens",
        f"{flags} leaves no token of a step to the model: drafting takes {what}",
        ({"max_num_batched_tokens": taken + max(seqs, 1)}, *fewer),
    )


def _slots(start: Start, asked: Mapping[str, Any]) -> int:
    """`max_num_new_slots_for_drafting`: a draft model takes one, parallel drafting one per token but the first."""
    tokens = asked.get("num_speculative_tokens")
    if type(tokens) is not int:
        return 0
    method = asked.get("method")
    is_draft, release = _draft_model(start, asked) is not None, start.release.minor
    is_block = method in ("dflash", "dspark")
    is_parallel = asked.get("parallel_drafting") is True or is_block
    if release >= (0, 33) and is_block:
        return tokens
    if release >= _SLOTS_OF_ONE and method == "dflash":
        return tokens
    return (tokens - 1 if is_parallel else 0) + is_draft


def _draft_model(start: Start, asked: Mapping[str, Any]) -> DraftFacts | None:
    """The draft where it is a whole model: vLLM takes it for a head or for prediction layers by its name and its type,
    whatever the method says."""
    name, method, draft = asked.get("model"), asked.get("method"), start.model.draft_facts
    if draft is None or not isinstance(name, str) or method not in (None, "draft_model"):
        return None
    is_head = draft.is_head or any(word in name.lower() for word in ("eagle-", "eagle3", "dflash", "dspark"))
    predicts = predicts_since(draft) is not None or draft.model_type.endswith(("assistant", "mtp"))
    return None if is_head or predicts else draft
