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
# The prefill/decode split, measured

Measured by `make phases` on {date}: vLLM {vllm}, {processor}, {cores} cores, Python {python}; the tiny Llama of the
demo, {at_once} requests at a time, blocks of {seconds:.0f} s.

Blocks of pure prefill (512 + 1 tokens), pure decode (4 + 250) and two mixtures alternate, so that every mixture runs
directly between a pure block of each kind. These two give its *expected* split: its prompt tokens at the cost of a
prompt token in pure prefill, its decode tokens at the cost of a decode token in pure decode. If the machine's speed
drifts, all three drift together. "By waiting" splits by the time requests spent in each phase (vLLM's own
`request_prefill_time_seconds` and `request_decode_time_seconds`), as other tools do.

| mixture, tokens | blocks | expected prefill share | the meter's | error | middle half | by waiting | error |
|---|---|---|---|---|---|---|---|
{rows}

Medians over the blocks; "error" is the median of the relative errors of the blocks. The meter charged {prefill:.1%} of
the pure prefill blocks to prefill and {decode:.1%} of the pure decode blocks to decode (method `{methods}`). The
numbers of every block are in [phases.json](phases.json).
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
