"""Answers that a value remembers stay in the process that worked them out."""

from __future__ import annotations

import pickle
from pathlib import Path

import vllm_costmeter
from vllm_costmeter.core.dataclass import Memo

MIXTRAL = Path(__file__).parents[1] / "data" / "models" / "mistralai__Mixtral-8x7B-v0.1"


def test_a_pickled_answer_carries_no_memos() -> None:
    """A server hands its check to another process as the answer it is, however much was tried to find it."""
    fit = vllm_costmeter.check(MIXTRAL, "H100 SXM:8", tensor_parallel_size=8)
    again = pickle.loads(pickle.dumps(fit))
    assert again == fit
    assert fit.model.attention.known_caches
    assert type(again.model.attention.known_caches) is Memo
    assert again.model.attention.known_caches == {}
    small = len(pickle.dumps(fit))
    for length in (1024, 2048, 4096):
        vllm_costmeter.check(MIXTRAL, "H100 SXM:8", tensor_parallel_size=8, max_model_len=length)
    assert len(pickle.dumps(fit)) == small
