"""What a batch cost, as text and as JSON."""

from __future__ import annotations

from typing import Any

from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.core.pricing.price import Price

SCHEMA = "costmeter.batch/1"


def batch_values(usage: Usage, seconds: float, price: Price | None) -> dict[str, Any]:
    """The fields of the JSON document; what is unknown is absent."""
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "seconds": seconds,
        "gpu_seconds": usage.gpu_seconds,
        "prompt_computed_tokens": usage.prompt_computed_tokens,
        "prompt_cached_tokens": usage.prompt_cached_tokens,
        "generated_tokens": usage.generated_tokens,
        "finished_requests": usage.finished_requests,
        "aborted_requests": usage.aborted_requests,
        "failed_requests": usage.failed_requests,
    }
    if usage.gpu_seconds:
        found["idle_share"] = usage.idle_gpu_seconds / usage.gpu_seconds
    if price is not None:
        usd = usage.usd()
        found |= {
            "usd": usd,
            "idle_usd": usage.usd("idle"),
            "price": {"basis": price.basis, "source": price.source},
        }
        if usage.tokens:
            found["usd_per_million_tokens"] = 1e6 * usd / usage.tokens
        if usage.generated_tokens:
            found["usd_per_million_generated_tokens"] = 1e6 * usd / usage.generated_tokens
    if usage.joules:
        found["joules"] = usage.joules
        if usage.generated_tokens:
            found["joules_per_generated_token"] = usage.joules / usage.generated_tokens
    return found


def batch_text(usage: Usage, seconds: float, price: Price | None) -> str:
    """The same in a few lines."""
    values = batch_values(usage, seconds, price)
    lines = [f"{tokens_text(usage)} in {duration(seconds)}"]
    if price is None:
        lines.append("no price is known: give usd_per_hour (`costmeter run --usd-per-hour`)")
    else:
        dated = f" of {price.as_of}" if price.as_of else ""
        rate = sum(price.usd_per_hour_by_component.values())
        lines.append(f"${values['usd']:.4g} at ${rate:.4g}/h ({price.basis}, from {price.source}{dated})")
        per = [
            f"${values[name]:.4g} per million {what}"
            for name, what in (
                ("usd_per_million_generated_tokens", "generated tokens"),
                ("usd_per_million_tokens", "tokens of all kinds"),
            )
            if name in values
        ]
        lines += [", ".join(per)] if per else []
    if "idle_share" in values:
        lines.append(f"{values['idle_share']:.1%} of the GPU time idle")
    if "joules" in values:
        each = (
            f", {values['joules_per_generated_token']:.3g} J per generated token"
            if usage.generated_tokens
            else ""
        )
        lines.append(f"{usage.joules / 3.6e6:.4g} kWh{each}")
    return "\n".join(lines) + "\n"


def tokens_text(usage: Usage) -> str:
    """Requests and tokens by kind."""
    tokens = (
        f"{usage.prompt_computed_tokens:,} computed and {usage.prompt_cached_tokens:,} cached prompt tokens, "
        f"{usage.generated_tokens:,} generated"
    )
    ended = f"{usage.requests:,} request{'s' * (usage.requests != 1)}"
    if usage.aborted_requests or usage.failed_requests:
        ended += f" ({usage.aborted_requests:,} aborted, {usage.failed_requests:,} failed)"
    return f"{ended}, {tokens}"


def duration(seconds: float) -> str:
    """4.2 s, 3.5 min, 2.25 h."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.2f} h"
