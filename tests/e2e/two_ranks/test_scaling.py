"""Several data-parallel ranks make one bill of several GPUs."""

from __future__ import annotations

import client
import pytest
from clock import gpus_charged, usd_per_hour
from counts import count_exactly
from harness import USD_PER_HOUR

from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy


def test_the_tokens_of_both_ranks_add_up(two_ranks: Server) -> None:
    """Exactly, over two engines and the API servers before them."""
    count_exactly(two_ranks.url)


def test_both_ranks_are_charged(two_ranks: Server) -> None:
    """With two ranks the server pays for two GPUs."""
    charged = usd_per_hour(two_ranks.url, lambda: client.load(two_ranks.url, 40), at_least_seconds=40)
    assert charged == pytest.approx(2 * USD_PER_HOUR, rel=0.002)
    assert gpus_charged(two_ranks.url, lambda: None, at_least_seconds=20) == pytest.approx(2, rel=0.005)
