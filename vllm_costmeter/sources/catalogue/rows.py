"""Parse rows of a catalogue file; every error is one line with the file, the row and the key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.gpu.spec import GpuSpec, Provenance
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.sources.catalogue import values

if TYPE_CHECKING:
    from vllm_costmeter.core.pricing.quote import RentalQuote

LARGEST_USD_PER_GPU_HOUR = 10_000.0
TERMS = ("on-demand", "spot", "reserved", "capacity-block", "estimate", "index")

_MIB = 1 << 20

FACTS: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "nominal_gb": ("nominal_gb", values.positive),
    "memory_gib": ("memory_bytes", lambda value: round(values.positive(value) * GIB)),
    "memory_mib": ("memory_bytes", lambda value: round(values.positive(value) * _MIB)),
    "memory_type": ("memory_type", values.text),
    "unified_memory": ("unified_memory", values.truth),
    "bandwidth_gb_per_second": ("bandwidth_bytes_per_second", values.scaled(1e9)),
    "fp32_tflops": ("fp32_flops_per_second", values.scaled(1e12)),
    "tf32_tflops": ("tf32_flops_per_second", values.scaled(1e12)),
    "bf16_tflops": ("bf16_flops_per_second", values.scaled(1e12)),
    "fp16_tflops": ("fp16_flops_per_second", values.scaled(1e12)),
    "fp8_tflops": ("fp8_flops_per_second", values.scaled(1e12)),
    "fp4_tflops": ("fp4_flops_per_second", values.scaled(1e12)),
    "int8_tops": ("int8_ops_per_second", values.scaled(1e12)),
    "ai_tops": ("ai_tops", values.positive),
    "transformer_engine": ("transformer_engine", values.text),
    "tdp_watts": ("tdp_watts", values.positive),
    "link_type": ("link_type", values.text),
    "link_gb_per_second": ("link_bytes_per_second", values.scaled(1e9)),
    "pcie_generation": ("pcie_generation", values.whole),
    "pcie_lanes": ("pcie_lanes", values.whole),
    "nvlink_bridge_gb_per_second": ("nvlink_bridge_bytes_per_second", values.scaled(1e9)),
    "peer_to_peer": ("peer_to_peer", values.truth),
    "gpus_per_machine": ("gpus_per_machine", values.whole),
    "compute_capability": ("compute_capability", values.capability),
    "architecture": ("architecture", values.text),
    "mig_instances": ("mig_instances", values.whole),
    "mig_profiles": ("mig_profiles", values.mig_profiles),
    "ecc": ("ecc", values.truth),
    "launch_date": ("launch_date", values.as_of),
    "launch_usd": ("launch_usd", values.positive),
    "street_new_usd": ("street_new_usd", values.positive),
    "street_used_usd": ("street_used_usd", values.positive),
}
"""Key in the file -> field of GpuSpec and the parser of its value. Logs print memory in two units."""

GPU_KEYS = ("name", "vendor", "driver_names", "aliases", *FACTS)
PRICE_KEYS = ("gpu", "provider", "term", "usd_per_gpu_hour", "gpus", "as_of", "source", "verified")


def reject_unknown(keys: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Raise BadInputError for the first unknown key, with the nearest known one."""
    for key in keys:
        if key not in known:
            raise BadInputError(f"{where}: unknown key {key!r}{nearest(key, known)}")


def _provenance(fact: Mapping[str, Any], where: str, parse: Callable[[Any], Any]) -> Provenance:
    reject_unknown(fact, ("value", "low", "high", "source", "as_of", "verified", "estimated"), where)
    return Provenance(
        source=values.read(fact, "source", where, values.text),
        as_of=values.read(fact, "as_of", where, values.as_of),
        verified=values.read(fact, "verified", where, values.truth) if "verified" in fact else True,
        low=values.read(fact, "low", where, parse) if "low" in fact else None,
        high=values.read(fact, "high", where, parse) if "high" in fact else None,
        estimated=values.read(fact, "estimated", where, values.truth) if "estimated" in fact else False,
    )


def parse_gpu(row: Mapping[str, Any], file: str, *, user: bool = False) -> dict[str, Any]:
    """The GpuSpec fields in this row. A user's fact may be a bare value; its source is then the file."""
    name = values.read(row, "name", f"{file}: [[card]]", values.text)
    where = f"{file}: GPU {name!r}"
    reject_unknown(row, GPU_KEYS, where)
    fields: dict[str, Any] = {"name": name}
    if "vendor" in row:
        fields["vendor"] = values.read(row, "vendor", where, values.vendor)
    for key in ("driver_names", "aliases"):
        if key in row:
            fields[key] = values.read(row, key, where, values.names)
    provenance = {}
    for key, (attribute, parse) in FACTS.items():
        if key not in row:
            continue
        fact = row[key]
        if isinstance(fact, dict):
            fields[attribute] = values.read(fact, "value", f"{where}: {key}", parse)
            provenance[attribute] = _provenance(fact, f"{where}: {key}", parse)
        elif user:
            fields[attribute] = values.read(row, key, where, parse)
        else:
            raise BadInputError(f"{where}: {key} needs a value, a source and an as_of")
    fields["provenance"] = provenance
    return fields


def merge_gpu(gpu: GpuSpec | None, fields: Mapping[str, Any], file: str) -> GpuSpec:
    """`gpu` with the given fields replaced; a new GPU if `gpu` is None."""
    facts = [attribute for attribute, _ in FACTS.values() if attribute in fields]
    added = {attribute: Provenance(source=file, as_of=None) for attribute in facts}
    known = {name: getattr(gpu, name) for name in GpuSpec.__slots__} if gpu else {}
    origins = {**(gpu.provenance if gpu else {}), **added, **fields["provenance"]}
    return GpuSpec(**{**known, **fields, "provenance": origins})


def parse_price(row: Mapping[str, Any], file: str, number: int, *, user: bool = False) -> RentalQuote:
    """One quote. `as_of` is required: the age of a price without a date is unknown."""
    from vllm_costmeter.core.pricing.quote import RentalQuote

    where = f"{file}: price {number}"
    reject_unknown(row, PRICE_KEYS, where)
    usd = values.read(row, "usd_per_gpu_hour", where, values.positive)
    if usd > LARGEST_USD_PER_GPU_HOUR:
        raise BadInputError(
            f"{where}: usd_per_gpu_hour must be at most {LARGEST_USD_PER_GPU_HOUR:g}, got {usd:g}"
        )
    term = values.read(row, "term", where, values.text) if "term" in row else "on-demand"
    if term not in TERMS:
        raise BadInputError(f"{where}: term must be one of {', '.join(TERMS)}, got {term!r}")
    return RentalQuote(
        gpu=values.read(row, "gpu", where, values.text),
        provider=values.read(row, "provider", where, values.text) if "provider" in row or not user else file,
        term=term,
        usd_per_gpu_hour=usd,
        as_of=values.read(row, "as_of", where, values.as_of),
        source=values.read(row, "source", where, values.text) if "source" in row or not user else file,
        gpus=values.read(row, "gpus", where, values.whole) if "gpus" in row else None,
        verified=values.read(row, "verified", where, values.truth) if "verified" in row else True,
        from_user=user,
    )


@cache
def package_prices(file: Path) -> tuple[RentalQuote, ...]:
    """The quotes that come with the package, read once however many catalogues lay their own rows over them."""
    import tomllib

    rows = tomllib.loads(file.read_text("utf-8"))["price"]
    return tuple(parse_price(row, file.name, number) for number, row in enumerate(rows, 1))
