"""Batch limits that contradict the context length or each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.refusals.start import Refusal, Start

_LONG_PREFILL_CHECKED = (0, 27)  # before, only with --max-num-partial-prefills above 1
_ACTIVE_SEQS_CHECKED = (0, 31)


def scheduler_fault(start: Start) -> Refusal | None:
    """`SchedulerConfig.verify_max_model_len` of vllm/config/scheduler.py, 0.17.0 to 0.33.0."""
    asked, engine, release = start.engine_args, start.engine, start.release.minor
    length, batched = engine.max_model_len, engine.max_num_batched_tokens
    if batched < length and not start.is_chunked:
        changes: list[Mapping[str, Any]] = [{"max_num_batched_tokens": length}, {"max_model_len": batched}]
        if asked.enable_chunked_prefill is False:
            changes.insert(0, {"enable_chunked_prefill": True})
            why = "--no-enable-chunked-prefill"
        else:
            why = "this model, which processes each prompt in one step,"
        return Refusal(
            "max_num_batched_tokens",
            f"{why} needs --max-num-batched-tokens of at least --max-model-len {length}; it is {batched}",
            tuple(changes),
        )
    threshold = asked.long_prefill_token_threshold
    if threshold > length and release >= _LONG_PREFILL_CHECKED and not start.model.is_encoder_decoder:
        return Refusal(
            "max_num_batched_tokens",
            f"--long-prefill-token-threshold {threshold} exceeds --max-model-len {length}",
            ({"long_prefill_token_threshold": 0},),
        )
    active = asked.max_num_active_seqs
    if active is not None and active > engine.max_num_seqs and release >= _ACTIVE_SEQS_CHECKED:
        return Refusal(
            "max_num_seqs",
            f"--max-num-active-seqs {active} exceeds --max-num-seqs {engine.max_num_seqs}",
            ({"max_num_active_seqs": engine.max_num_seqs},),
        )
    return None
