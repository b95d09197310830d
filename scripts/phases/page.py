"""The measured split as docs/phases.json and as a page."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.bench.machine import this_machine
from scripts.phases.blocks import AT_ONCE, Block, Load
from scripts.phases.pairs import Finding

PAGE = """\
# The split between prefill and decode, measured

Measured by `make phases` on {date}: vLLM {vllm}, {processor}, {cores} cores, Python {python}; the tiny Llama of the
demo, {at_once} requests at a time, blocks of {seconds:.0f} s.

Blocks of prompts alone (512 + 1 tokens), of decoding alone (4 + 250) and of two mixtures take turns, so that every
mixture has a pure block of each kind right before and after it. What its split *should* be follows from those two: its
prompt tokens at what a prompt token cost alone, its decode tokens at what a decode token cost alone. A machine that
drifts moves all three. "By waiting" is the split by the time that requests spent in each phase (vLLM's own
`request_prefill_time_seconds` and `request_decode_time_seconds`), as others do it.

| mixture, tokens | blocks | prefill's share should be | the meter says | off | middle half | by waiting | off |
|---|---|---|---|---|---|---|---|
{rows}

Medians over the blocks; "off" is the median of each block's own relative error. Of the blocks of prompts alone the
meter charged {prefill:.1%} to prefill, of those of decoding alone {decode:.1%} to decode (method `{methods}`). Every
block's numbers are in [phases.json](phases.json).
"""


def write(
    folder: Path,
    *,
    seconds: float,
    blocks: Sequence[Block],
    findings: Sequence[tuple[Load, Finding]],
    prefill_share: float,
    decode_share: float,
) -> None:
    """Both files, in `folder`."""
    machine: dict[str, Any] = this_machine()
    everything = {
        "machine": machine,
        "block_seconds": seconds,
        "findings": [dataclasses.asdict(found) for _, found in findings],
        "blocks": [dataclasses.asdict(block) for block in blocks],
    }
    (folder / "phases.json").write_text(json.dumps(everything, indent=2) + "\n")
    methods = sorted({method for block in blocks for method in block.methods})
    page = PAGE.format(
        **machine,
        at_once=AT_ONCE,
        seconds=seconds,
        rows="\n".join(row(load, found) for load, found in findings),
        prefill=prefill_share,
        decode=1 - decode_share,
        methods="`, `".join(methods),
    )
    (folder / "phases.md").write_text(page)


def row(load: Load, found: Finding) -> str:
    """One mixture."""
    low, high = found.split_off_quartiles
    return (
        f"| {load.name}: {load.prompt_tokens} + {load.generated_tokens} | {found.blocks} | {found.expected:.3f} "
        f"| {found.split:.3f} | {found.split_off:+.1%} | {low:+.1%} to {high:+.1%} "
        f"| {found.waiting:.3f} | {found.waiting_off:+.1%} |"
    )
