"""Each block of a mixture against the pure blocks beside it: a machine that drifts moves all three alike."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.phases.blocks import Block

PREFILL, DECODE = "prefill", "decode"


@dataclass(frozen=True)
class Pair:
    """Prefill's share of the active cost of one block of a mixture."""

    load: str
    expected: float
    """By what the pure blocks beside it cost per prompt token and per decode token."""
    split: float
    """By the meter."""
    waiting: float
    """By the time its requests spent in each phase."""


def pairs(blocks: Sequence[Block]) -> list[Pair]:
    """Every mixture that has a pure block of each kind beside it."""
    found = []
    for before, mixed, after in zip(blocks, blocks[1:], blocks[2:], strict=False):
        beside = {block.load: block for block in (before, after)}
        if mixed.load in (PREFILL, DECODE) or beside.keys() != {PREFILL, DECODE}:
            continue
        prompts = mixed.prompt_tokens * beside[PREFILL].active_usd / beside[PREFILL].prompt_tokens
        decoding = mixed.decode_tokens * beside[DECODE].active_usd / beside[DECODE].decode_tokens
        waited = mixed.waited_prefill_seconds + mixed.waited_decode_seconds
        found.append(
            Pair(
                mixed.load,
                expected=prompts / (prompts + decoding),
                split=mixed.prefill_usd / mixed.active_usd,
                waiting=mixed.waited_prefill_seconds / waited,
            )
        )
    return found


@dataclass(frozen=True)
class Finding:
    """The medians over the blocks of one mixture."""

    load: str
    blocks: int
    expected: float
    split: float
    waiting: float
    split_off: float
    """The median of the blocks' own relative errors, prefill's share."""
    split_off_quartiles: tuple[float, float]
    waiting_off: float


def finding(load: str, found: Sequence[Pair]) -> Finding:
    """Of one mixture; needs two blocks."""
    mine = [pair for pair in found if pair.load == load]
    off = [pair.split / pair.expected - 1 for pair in mine]
    low, _, high = statistics.quantiles(off, n=4, method="inclusive")
    return Finding(
        load,
        blocks=len(mine),
        expected=statistics.median(pair.expected for pair in mine),
        split=statistics.median(pair.split for pair in mine),
        waiting=statistics.median(pair.waiting for pair in mine),
        split_off=statistics.median(off),
        split_off_quartiles=(low, high),
        waiting_off=statistics.median(pair.waiting / pair.expected - 1 for pair in mine),
    )


def pure_share(load: str, blocks: Sequence[Block]) -> float:
    """What the meter charged to prefill in the blocks of a pure load, as a share."""
    mine = [block for block in blocks if block.load == load]
    return sum(block.prefill_usd for block in mine) / sum(block.active_usd for block in mine)
