"""The catalogue's GPUs as text, Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from vllm_costmeter.core.dataclass import asdict, fields
from vllm_costmeter.core.gpu.spec import GpuSpec, Provenance
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.pricing.quote import RentalQuote
from vllm_costmeter.outputs.economics.price_listing import age, dollars
from vllm_costmeter.outputs.text.table_layout import markdown_table, terminal_table

SCHEMA = "costmeter.gpus/1"
NOTE = (
    "GiB: as CUDA reports it. TFLOPS: dense. ?: estimated, second-hand or derived. $/h: default rental price."
)
_TITLES = (
    "GPU",
    "GiB",
    "GB/s",
    "16-bit TFLOPS",
    "FP8",
    "FP4",
    "W",
    "link",
    "GB/s each way",
    "CC",
    "$/h",
    "as of",
    "age",
)
_FACT_TITLES = ("fact", "value", "source", "read")


def listing_text(gpus: Sequence[GpuSpec], prices: Mapping[str, RentalQuote | None], today: date) -> str:
    """One line per GPU."""
    return terminal_table(_TITLES, [_row(gpu, prices.get(gpu.name), today) for gpu in gpus]) + f"\n{NOTE}\n"


def listing_markdown(gpus: Sequence[GpuSpec], prices: Mapping[str, RentalQuote | None], today: date) -> str:
    """One row per GPU."""
    return markdown_table(_TITLES, [_row(gpu, prices.get(gpu.name), today) for gpu in gpus]) + f"\n{NOTE}\n"


def listing_json(gpus: Sequence[GpuSpec], prices: Mapping[str, RentalQuote | None], today: date) -> str:
    """Every known fact in base units with its source; unknown facts are absent."""
    rows = [gpu_values(gpu, prices.get(gpu.name), today) for gpu in gpus]
    return json.dumps({"schema": SCHEMA, "gpus": rows}, indent=2) + "\n"


def gpu_values(gpu: GpuSpec, price: RentalQuote | None, today: date) -> dict[str, Any]:
    """The JSON object of one GPU."""
    values = {
        each.name: getattr(gpu, each.name)
        for each in fields(gpu)
        if each.name != "provenance" and getattr(gpu, each.name) is not None
    }
    if gpu.compute_capability is not None:
        values["compute_capability"] = _capability(gpu)
    if gpu.mig_profiles is not None:
        values["mig_profiles"] = [asdict(profile) for profile in gpu.mig_profiles]
    values["sources"] = {name: _source(origin) for name, origin in gpu.provenance.items()}
    if price is not None:
        values["default_price"] = {
            "usd_per_gpu_hour": price.usd_per_gpu_hour,
            "provider": price.provider,
            "as_of": price.as_of,
            "age_days": price.age_days(today),
            "source": price.source,
        }
    return values


def _source(origin: Provenance) -> dict[str, Any]:
    found: dict[str, Any] = {"source": origin.source, "as_of": origin.as_of, "verified": origin.verified}
    if origin.low is not None and origin.high is not None:
        found["range"] = [origin.low, origin.high]
    return found | ({"estimated": True} if origin.estimated else {})


def facts_text(gpu: GpuSpec, price: RentalQuote | None, today: date, *, markdown: bool = False) -> str:
    """One GPU, one line per fact, with the source and date of each."""
    rows = [
        (
            _fact_name(name),
            _with_range(name, getattr(gpu, name), origin),
            _origin(gpu, name),
            origin.as_of or "",
        )
        for name, origin in gpu.provenance.items()
    ]
    if price is not None:
        dated = ", ".join(filter(None, (price.as_of, age(price, today))))
        rows.append(("default price", f"${dollars(price.usd_per_gpu_hour)} per hour", price.source, dated))
    table = markdown_table(_FACT_TITLES, rows) if markdown else terminal_table(_FACT_TITLES, rows)
    spellings = ", ".join((*gpu.driver_names, *gpu.aliases))
    return f"{gpu.name} (also {spellings})\n\n{table}" if spellings else f"{gpu.name}\n\n{table}"


def _row(gpu: GpuSpec, price: RentalQuote | None, today: date) -> tuple[str, ...]:
    sixteen_bit = "bf16_flops_per_second" if gpu.bf16_flops_per_second else "fp16_flops_per_second"
    return (
        gpu.name,
        _number(gpu, "memory_bytes", GIB, 2),
        _number(gpu, "bandwidth_bytes_per_second", 1e9),
        _number(gpu, sixteen_bit, 1e12),
        _number(gpu, "fp8_flops_per_second", 1e12),
        _number(gpu, "fp4_flops_per_second", 1e12),
        _number(gpu, "tdp_watts", 1),
        gpu.link_type or "",
        _number(gpu, "link_bytes_per_second", 1e9),
        _capability(gpu) or (gpu.architecture or ""),
        *((dollars(price.usd_per_gpu_hour), price.as_of, age(price, today)) if price else ("", "", "")),
    )


def _number(gpu: GpuSpec, name: str, unit: float, digits: int | None = None) -> str:
    value = getattr(gpu, name)
    if value is None:
        return ""
    text = f"{value / unit:g}" if digits is None else f"{value / unit:.{digits}f}"
    origin = gpu.provenance.get(name)
    return text if origin is None or origin.verified else f"{text}?"


def _capability(gpu: GpuSpec) -> str:
    return ".".join(map(str, gpu.compute_capability)) if gpu.compute_capability else ""


def _origin(gpu: GpuSpec, name: str) -> str:
    origin = gpu.provenance[name]
    return origin.source if origin.verified else f"unverified: {origin.source}"


_UNITS = {"_bytes_per_second": (1e9, "GB/s"), "_flops_per_second": (1e12, "TFLOPS"), "_bytes": (GIB, "GiB")}
_UNITS |= {"_ops_per_second": (1e12, "TOPS"), "_watts": (1, "W"), "_gb": (1, "GB"), "_usd": (1, "USD")}


def _unit(name: str) -> str | None:
    return next((ending for ending in _UNITS if name.endswith(ending)), None)


def _fact_name(name: str) -> str:
    return name.removesuffix(_unit(name) or "").replace("_", " ")


def _fact_value(name: str, value: Any) -> str:
    ending = _unit(name)
    if ending is not None:
        divisor, unit = _UNITS[ending]
        return f"{round(value / divisor, 2):g} {unit}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "mig_profiles":
        return ", ".join(f"{each.instances}x {each.name}" for each in value)
    return ".".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _with_range(name: str, value: Any, origin: Provenance) -> str:
    """ "23.64 GiB (23.52 to 23.68)" if several values were read or the fact is an estimate with a range."""
    text = _fact_value(name, value)
    if origin.low is None or origin.high is None:
        return text
    low, high = (_fact_value(name, bound).split()[0] for bound in (origin.low, origin.high))
    return f"{text} ({low} to {high})"
