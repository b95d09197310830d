"""What `make phases` concludes from blocks of known load."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.phases import page
from scripts.phases.__main__ import MIXTURES, wrong
from scripts.phases.blocks import Block, added
from scripts.phases.pairs import DECODE, PREFILL, finding, pairs, pure_share
from scripts.servers.scrape import parse


def prompts(usd: float) -> Block:
    """1000 prompt tokens for so much."""
    return Block(PREFILL, usd, usd, 1000, 0, 1, 0, ("measured",))


def decoding(usd: float) -> Block:
    """100 decode tokens for so much."""
    return Block(DECODE, usd, 0, 4, 100, 0, 1, ("measured",))


def mixture(usd: float, prefill_usd: float, load: str = "even") -> Block:
    """500 prompt tokens and 50 decode tokens, whose requests waited nine times as long for decoding."""
    return Block(load, usd, prefill_usd, 500, 50, 1, 9, ("measured",))


def test_a_mixture_should_cost_what_the_pure_blocks_beside_it_do() -> None:
    """Prompts cost 3 a thousand and decoding 1 a hundred, then both twice as much: three quarters is prefill's both
    times, whichever of the two came first."""
    blocks = [prompts(3), mixture(4, 3), decoding(1), mixture(9, 6), prompts(3)]
    slow = [prompts(6), mixture(8, 6), decoding(2)]
    assert [pair.expected for pair in pairs(blocks) + pairs(slow)] == [0.75, 0.75, 0.75]
    assert [pair.split for pair in pairs(blocks)] == pytest.approx([0.75, 2 / 3])
    assert pairs(blocks)[0].waiting == 0.1


def test_a_mixture_without_both_neighbours_says_nothing() -> None:
    """It is not compared with a block that ran at another time."""
    assert pairs([prompts(3), mixture(4, 3), prompts(3)]) == []
    assert pairs([mixture(4, 3), decoding(1)]) == []


def test_the_finding_is_the_median_of_the_blocks() -> None:
    """One block that a neighbour of the machine disturbed does not move it."""
    blocks = [prompts(3), mixture(4, 3), decoding(1), mixture(4, 1), prompts(3), mixture(4, 3), decoding(1)]
    found = finding("even", pairs(blocks))
    assert (found.blocks, found.split_off) == (3, 0.0)
    assert found.waiting_off == pytest.approx(0.1 / 0.75 - 1)
    assert pure_share(PREFILL, blocks) == 1.0


def test_a_split_that_is_off_ends_the_run_with_the_reason(tmp_path: Path) -> None:
    """More than 15 % off, or no better than waiting, or a pure load charged to the other phase; the page is written."""
    pytest.importorskip("vllm", reason="the page names its release")
    blocks = [prompts(3), mixture(4, 2, "long prompts"), decoding(1)]
    blocks += [
        mixture(4, 3),
        prompts(3),
        mixture(4, 2, "long prompts"),
        decoding(1),
        mixture(4, 3),
        prompts(3),
    ]
    findings = [finding(load.name, pairs(blocks)) for load in MIXTURES]
    shares = {load: pure_share(load, blocks) for load in (PREFILL, DECODE)}
    assert wrong(findings, shares) == ["long prompts: the split is off by -33.3%"]
    assert "pure loads" in wrong([], {PREFILL: 0.9, DECODE: 0.0})[0]
    page.write(
        tmp_path,
        seconds=10,
        blocks=blocks,
        findings=list(zip(MIXTURES, findings, strict=True)),
        prefill_share=shares[PREFILL],
        decode_share=shares[DECODE],
    )
    written = (tmp_path / "phases.md").read_text()
    assert (
        "| long prompts: 512 + 64 | 2 | 0.750 | 0.500 | -33.3% | -33.3% to -33.3% | 0.100 | -86.7% |"
        in written
    )
    assert (tmp_path / "phases.json").exists()


PAGE = """\
costmeter_cost_usd_total{{state="active"}} {active}
costmeter_cost_usd_total{{state="idle"}} 7
costmeter_phase_cost_usd_total{{phase="prefill",method="roofline"}} 1
costmeter_phase_cost_usd_total{{phase="prefill",method="measured"}} {prefill}
costmeter_tokens_total{{kind="prompt_computed"}} 50
costmeter_tokens_total{{kind="generated"}} {generated}
vllm:request_success_total {requests}
"""


def test_a_block_is_the_difference_of_two_pages() -> None:
    """The first token of a request is prefill's; a method that stood still is not named."""
    before = parse(PAGE.format(active=2, prefill=0, generated=10, requests=1))
    after = parse(PAGE.format(active=5, prefill=2, generated=30, requests=3))
    block = added("even", before, after)
    assert (block.active_usd, block.prefill_usd, block.decode_tokens) == (3, 2, 18)
    assert block.methods == ("measured",)
