"""Is the split of a mixture what its parts cost alone? Writes docs/phases.md: `make phases`, about eight minutes.

Ends with 1 where a mixture's median is off by more than 15 %, or where splitting by waiting time would do as well.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from scripts.bench.machine import require_quiet
from scripts.phases import page
from scripts.phases.blocks import Block, Load, run_block
from scripts.phases.pairs import DECODE, PREFILL, Finding, finding, pairs, pure_share
from scripts.servers.tiny_model import make_tiny_model
from scripts.servers.vllm_server import serving

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".demo" / "phases"
METERED = ("--served-model-name", "tiny", "--plugin", "costmeter", "--gpu-hourly-usd", "0.55")
PURE = {PREFILL: Load(PREFILL, 512, 1), DECODE: Load(DECODE, 4, 250)}
MIXTURES = (Load("long prompts", 512, 64), Load("even", 128, 128))
ROUND = (PURE[PREFILL], MIXTURES[0], PURE[DECODE], MIXTURES[1])
LESSON_SECONDS = 15.0
"""Of each phase alone before anything is measured: the meter learns from ten seconds of evidence."""
WITHIN = 0.15
PURE_WITHIN = 0.02


def main() -> None:
    """Serve, teach, measure, report."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=8, help="of the four loads")
    asked.add_argument("--block-seconds", type=float, default=8.0)
    asked.add_argument("--folder", type=Path, default=ROOT / "docs", help="where the page is written")
    given = asked.parse_args()
    require_quiet()
    blocks = measure(given.rounds, given.block_seconds)
    found = pairs(blocks)
    findings = [(load, finding(load.name, found)) for load in MIXTURES]
    shares = {load: pure_share(load, blocks) for load in PURE}
    page.write(
        given.folder,
        seconds=given.block_seconds,
        blocks=blocks,
        findings=findings,
        prefill_share=shares[PREFILL],
        decode_share=shares[DECODE],
    )
    for load, measured in findings:
        print("  " + page.row(load, measured))
    print(f"  written: {given.folder / 'phases.md'}, phases.json")
    if complaints := wrong([measured for _, measured in findings], shares):
        raise SystemExit("\n".join(complaints))


def measure(rounds: int, block_seconds: float) -> list[Block]:
    """Rounds of the four loads, with a block of prompts at the end, so that the last mixture has its neighbour."""
    model = make_tiny_model(ROOT / ".demo" / "tiny-llama")
    blocks = []
    with serving(model, *METERED, log=WORK / "server.log") as server:
        for load in PURE.values():
            run_block(server.url, load, LESSON_SECONDS)
        for number, load in enumerate((*ROUND * rounds, PURE[PREFILL])):
            blocks.append(run_block(server.url, load, block_seconds))
            split = blocks[-1].prefill_usd / blocks[-1].active_usd
            print(f"  block {number + 1} of {rounds * len(ROUND) + 1}, {load.name}: {split:.3f}", flush=True)
    return blocks


def wrong(findings: list[Finding], shares: dict[str, float]) -> list[str]:
    """What the measurement contradicts of the promise."""
    complaints = [
        f"{measured.load}: the split is off by {measured.split_off:+.1%}"
        for measured in findings
        if abs(measured.split_off) > WITHIN
    ]
    complaints += [
        f"{measured.load}: splitting by waiting time is just as accurate"
        for measured in findings
        if abs(measured.waiting_off) <= abs(measured.split_off)
    ]
    if shares[PREFILL] < 1 - PURE_WITHIN or shares[DECODE] > PURE_WITHIN:
        complaints.append(f"pure loads were charged {shares} to prefill")
    return complaints


if __name__ == "__main__":
    main()
