"""Write docs/gpus.md: how many rows of the GPU catalogue rest on evidence, on an estimate, and where lists disagree.

    python -m scripts.catalogue.page

The comparison with public lists is the one that `scripts.catalogue.public_lists --record` recorded.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from scripts.catalogue.public_lists import RECORD
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.outputs.text.table_layout import markdown_table
from vllm_costmeter.sources.catalogue.load import Catalogue

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gpus.md"

FACTS = (
    ("memory_bytes", "memory as CUDA or HIP shows it"),
    ("bandwidth_bytes_per_second", "bandwidth"),
    ("bf16_flops_per_second", "dense BF16 rate"),
    ("fp16_flops_per_second", "dense FP16 rate, of GPUs without BF16"),
    ("fp8_flops_per_second", "dense FP8 rate"),
    ("fp4_flops_per_second", "dense FP4 rate"),
    ("int8_ops_per_second", "dense INT8 rate"),
    ("tdp_watts", "rated power"),
    ("link_type", "link to the other GPUs"),
    ("pcie_generation", "PCIe generation and lanes"),
    ("peer_to_peer", "peer-to-peer access"),
    ("compute_capability", "compute capability"),
    ("mig_profiles", "MIG profiles"),
    ("launch_usd", "launch price"),
    ("street_new_usd", "street price, new"),
    ("street_used_usd", "street price, used"),
)

PREAMBLE = """\
# The GPU catalogue, and what each row rests on

Written by `python -m scripts.catalogue.page`; a test compares it with the catalogue. `costmeter gpus NAME` prints every
fact of one GPU with its source and date. Verified: read at a first-hand source (a log, NVML, a data sheet) or where
independent ones agree. Second-hand or derived: shown with a question mark, and never used for a price or a verdict
without a word. Absent: nobody published or logged it, or the GPU does not have it.
"""


def page(catalogue: Catalogue | None = None, record: dict[str, Any] | None = None) -> str:
    """The whole page."""
    catalogue = catalogue or Catalogue()
    found = record or json.loads(RECORD.read_text())
    gpus = catalogue.gpus
    return "\n".join(
        (
            PREAMBLE,
            _rows(gpus, catalogue, found),
            _facts(gpus),
            _conflicts(gpus, found),
            _listing(gpus, found),
        )
    )


def how_known(gpu: GpuSpec) -> str:
    """ "evidence", "estimate", or "unknown": what the memory, which decides a verdict, rests on."""
    origin = gpu.provenance.get("memory_bytes")
    if gpu.memory_bytes is None or origin is None:
        return "unknown"
    return "estimate" if origin.estimated else "evidence"


def _rows(gpus: tuple[GpuSpec, ...], catalogue: Catalogue, record: dict[str, Any]) -> str:
    known = Counter(map(how_known, gpus))
    disputed = {each["gpu"] for each in record["conflicts"]}
    priced = sum(catalogue.default_price(gpu) is not None for gpu in gpus)
    rows = [
        ("in the catalogue", str(len(gpus))),
        ("memory by evidence: a log, NVML or a device query", str(known["evidence"])),
        ("memory estimated, with a range at whose ends the verdict is judged", str(known["estimate"])),
        ("memory unknown: a check needs `--gpu-memory-gib`", str(known["unknown"])),
        ("a public list disagrees on at least one fact", str(len(disputed))),
        ("with MIG profiles", str(sum(gpu.mig_profiles is not None for gpu in gpus))),
        ("with a default rental price", str(priced)),
    ]
    return f"## Rows\n\n{markdown_table(('GPUs', 'rows'), rows)}"


def _facts(gpus: tuple[GpuSpec, ...]) -> str:
    rows = []
    for name, words in FACTS:
        having = [gpu for gpu in gpus if getattr(gpu, name) is not None]
        verified = sum(gpu.is_verified(name) for gpu in having)
        rows.append((words, str(verified), str(len(having) - verified), str(len(gpus) - len(having))))
    titles = ("fact", "verified", "second-hand or derived", "absent")
    return f"## Facts\n\n{markdown_table(titles, rows)}"


def _conflicts(gpus: tuple[GpuSpec, ...], record: dict[str, Any]) -> str:
    by_name = {gpu.name: gpu for gpu in gpus}
    rows = [
        (
            each["gpu"],
            each["fact"].replace("_", " "),
            each["ours"],
            f"{each['theirs']} ({each['list']})",
            _basis(by_name[each["gpu"]], each["fact"]),
        )
        for each in record["conflicts"]
    ]
    lists = ", ".join(
        f"{name} {version} (agrees on {record['agreed'][name]} facts)"
        for name, version in record["lists"].items()
    )
    return (
        f"## Where public lists disagree\n\nCompared on {record['as_of']}: {lists}. The lists count both dies or one "
        "of a module, name another power limit, or an older board; what ours rests on is in the last column.\n\n"
        + markdown_table(("GPU", "fact", "ours", "list", "ours is from"), rows)
    )


def _basis(gpu: GpuSpec, fact: str) -> str:
    origin = gpu.provenance[fact]
    return origin.source if origin.verified else f"unverified: {origin.source}"


def _listing(gpus: tuple[GpuSpec, ...], record: dict[str, Any]) -> str:
    disputed = Counter(each["gpu"] for each in record["conflicts"])
    rows = []
    for gpu in gpus:
        low, high = ((size / GIB) for size in gpu.memory_bytes_range or (0, 0))
        memory = (
            "" if gpu.memory_bytes is None else f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"
        )
        unverified = sum(not origin.verified for origin in gpu.provenance.values())
        rows.append(
            (
                gpu.name,
                memory,
                how_known(gpu),
                str(len(gpu.provenance)),
                str(unverified or ""),
                str(disputed[gpu.name] or ""),
            )
        )
    titles = ("GPU", "memory, GiB", "memory by", "facts", "second-hand or derived", "disputed")
    return f"## GPU by GPU\n\n{markdown_table(titles, rows)}"


if __name__ == "__main__":
    PAGE.write_text(page())
