"""A reading as a table for a terminal, and as one line for a pipe."""

from __future__ import annotations

from rich.table import Table

from scripts.demo.reading import PER, Reading
from vllm_costmeter.core.memory.byte_range import GIB

NAME_OF_KIND = {"prompt_computed": "prompt", "prompt_cached": "prompt from cache", "generated": "generated"}
MEANING_OF_PER = {
    "all": "the bill / all tokens",
    "generated": "the bill / generated tokens",
    "prefill": "prefill cost / computed prompt tokens",
    "decode": "decode cost / generated tokens",
}


def table(reading: Reading, elapsed_seconds: float) -> Table:
    """The live view, one row per figure."""
    shown = Table(title=f"live from /metrics, {elapsed_seconds:.0f} s", title_justify="left", expand=False)
    shown.add_column("what")
    shown.add_column("last minute", justify="right", min_width=14)
    shown.add_column("since start", justify="right", min_width=14)
    shown.add_column("meaning", style="dim")
    for kind, name in NAME_OF_KIND.items():
        shown.add_row(f"tokens/s {name}", number(reading.tokens_per_second[kind], ".1f"), "", "")
    shown.add_section()
    for per in PER:
        last_minute, since_start = (
            number(reading.usd_per_million[per, window], ".4f") for window in ("1m", "total")
        )
        shown.add_row(f"$/M tokens per={per}", last_minute, since_start, MEANING_OF_PER[per])
    shown.add_section()
    shown.add_row("dollars so far", "", f"{reading.usd:.6f}", price_of(reading))
    shown.add_row("idle share", "", number(reading.idle_share, ".1%"), "of the dollars so far")
    shown.add_row("KV cache in use", "", number(reading.kv_usage_ratio, ".1%"), capacity_of(reading))
    shown.add_row("GPU memory", "", gpu_memory_of(reading), "")
    return shown


def line(reading: Reading, elapsed_seconds: float) -> str:
    """The same figures on one line."""
    prices = ", ".join(f"{per} {number(reading.usd_per_million[per, '1m'], '.3f')}" for per in PER)
    return (
        f"  {elapsed_seconds:4.0f} s | {number(reading.all_tokens_per_second, '.0f')} tokens/s | $/M {prices} | "
        f"${reading.usd:.6f} so far | idle {number(reading.idle_share, '.0%')} | "
        f"KV cache {number(reading.kv_usage_ratio, '.1%')} | GPU memory {gpu_memory_of(reading)}"
    )


def number(value: float | None, form: str) -> str:
    """The number, or a dash where there is none yet."""
    return "-" if value is None else format(value, form)


def price_of(reading: Reading) -> str:
    """The price in use."""
    return "no price is set" if reading.usd_per_hour is None else f"at ${reading.usd_per_hour:.2f} an hour"


def capacity_of(reading: Reading) -> str:
    """The capacity of the KV cache in tokens."""
    return "" if reading.kv_capacity_tokens is None else f"of {reading.kv_capacity_tokens:,.0f} tokens"


def gpu_memory_of(reading: Reading) -> str:
    """Used and total GPU memory, or that there is no GPU."""
    if reading.gpu_memory_used_bytes is None or reading.gpu_memory_total_bytes is None:
        return "no GPU here"
    return f"{reading.gpu_memory_used_bytes / GIB:.1f} of {reading.gpu_memory_total_bytes / GIB:.1f} GiB"
