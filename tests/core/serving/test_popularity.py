"""Experts that are chosen unevenly."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.serving.popularity import WEIGHTS, chosen_share

TIMED = {
    (256, 8): {16: 0.39, 32: 0.50, 64: 0.75, 128: 0.83},
    (384, 8): {16: 0.31, 32: 0.42, 64: 0.68, 128: 0.75},
}
"""Of all experts, by (experts, per token) and tokens: the time under a power law over the time when all are read, both
without the floor (NVFP4 on B200, aiconfigurator 0.12.0, vLLM 0.24)."""


def test_the_share_of_chosen_experts_is_that_of_the_timed_kernels() -> None:
    """Within 15 %, where equal chances are up to a quarter too high."""
    for (experts, per_token), shares in TIMED.items():
        for tokens, share in shares.items():
            assert chosen_share(tokens, experts, per_token) == pytest.approx(share, rel=0.15)
    assert TIMED[256, 8][32] * 1.25 < 1 - (1 - 8 / 256) ** 32


def test_the_chances_add_up_and_many_tokens_choose_all() -> None:
    """One token chooses its experts, no matter how uneven; a large batch chooses nearly all."""
    assert sum(WEIGHTS) / len(WEIGHTS) == pytest.approx(1, rel=0.01)
    assert chosen_share(1, 256, 8) == pytest.approx(8 / 256, rel=0.01)
    assert chosen_share(4096, 256, 8) > 0.999
    assert chosen_share(1, 2, 2) <= 1
