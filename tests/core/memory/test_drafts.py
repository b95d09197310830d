"""What drafting holds on the GPU beside the drafter's weights and caches, against sums by hand."""

from __future__ import annotations

import pytest
from activation_peaks import peak, sized
from example_models import GIB

MODEL = sized(4096, 152_000, 14_336)
"""The logits of one row are 304 kB; a layer's peak is far below what is drafted."""


def drafting(method: str, tokens: int = 15) -> dict[str, object]:
    return {"speculative_config": {"method": method, "num_speculative_tokens": tokens, "model": "a"}}


@pytest.mark.parametrize(
    ("version", "method", "sequences"),
    [
        ("0.29.0", "dflash", 1024),
        ("0.30.0", "dspark", 1024),
        ("0.31.0", "dflash", 512),  # 8192 tokens of a step, 16 for each sequence
        ("0.33.0", "dspark", 512),
    ],
)
def test_all_drafted_tokens_have_logits_at_once(version: str, method: str, sequences: int) -> None:
    """2 bytes for each value of vocabulary and hidden state; other drafters go token by token."""
    flags = {"max_num_seqs": 1024, "max_num_batched_tokens": 8192}
    found = peak(MODEL, version, **flags, **drafting(method))
    rows = sequences * 15 * 2 * (152_000 + 4096)
    by_token = peak(MODEL, version, **flags, **drafting("eagle3"))
    state = round((4 + 1 / 8) * 1024 * 152_000)  # counts and bits of penalties, which are kept
    assert found.bytes - rows - state == pytest.approx(0, abs=0.2 * GIB)
    assert found.bytes > by_token.bytes
    assert found.high_bytes >= found.bytes
    elsewhere = peak(MODEL, version, last=False, first=False, **flags, **drafting(method))
    assert elsewhere.bytes < by_token.bytes


@pytest.mark.parametrize(
    ("version", "method", "flags", "holds"),
    [
        ("0.31.0", "ngram", {}, False),
        ("0.32.0", "ngram", {}, True),
        ("0.33.0", "ngram_gpu", {}, True),
        ("0.33.0", "ngram", {"second_runner": False}, False),
        ("0.17.0", "ngram_gpu", {}, False),
        ("0.18.0", "ngram_gpu", {}, True),
        ("0.33.0", "suffix", {}, False),
    ],
)
def test_n_grams_are_searched_in_a_table_of_all_tokens(
    version: str, method: str, flags: dict[str, object], holds: bool
) -> None:
    """4 bytes for each token of each sequence's longest context, on every pipeline rank."""
    for last in (True, False):
        long, short = (
            peak(
                MODEL, version, last=last, max_num_seqs=512, max_model_len=length, **flags, **drafting(method)
            )
            for length in (100_000, 50_000)
        )
        assert long.bytes - short.bytes == (4 * 512 * 50_000 if holds else 0)
