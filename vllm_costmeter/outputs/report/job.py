"""What a command cost, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from vllm_costmeter.core.ledger.rows import UsageRow
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.outputs.report.batch import batch_values, duration, tokens_text

SCHEMA = "costmeter.run/1"


class Job(NamedTuple):
    """A command that ended, and what its engines did."""

    command: Sequence[str]
    exit_code: int
    seconds: float
    rows: Sequence[UsageRow]

    @property
    def usage(self) -> Usage:
        """Of all engines."""
        return sum((row.usage for row in self.rows), Usage())

    @property
    def usd_per_hour(self) -> float:
        """Of the dearest engine, as those of one job run one after the other; 0 without a price."""
        return max((row.series.usd_per_hour for row in self.rows), default=0.0)

    @property
    def outside_seconds(self) -> float:
        """The longest time for which no engine was up: loading, and what came before and after."""
        metered = [row.usage.gpu_seconds / max(row.series.gpus, 1) for row in self.rows]
        return max(0.0, self.seconds - max(metered, default=0.0))


def job_values(job: Job) -> dict[str, Any]:
    """One object of the schema `costmeter.run/1`; what is unknown is absent."""
    priced = job.usd_per_hour > 0
    values = batch_values(job.usage, job.seconds, None)
    found = {**values, "schema": SCHEMA, "command": list(job.command), "exit_code": job.exit_code}
    found["models"] = sorted({row.series.model_name for row in job.rows})
    found["outside_seconds"] = job.outside_seconds
    if priced:
        usd = job.usage.usd()
        outside = job.outside_seconds * job.usd_per_hour / 3600
        found |= {"usd": usd, "outside_usd": outside, "total_usd": usd + outside}
        if job.usage.generated_tokens:
            found["usd_per_million_generated_tokens"] = 1e6 * usd / job.usage.generated_tokens
        if job.usage.tokens:
            found["usd_per_million_tokens"] = 1e6 * usd / job.usage.tokens
    return found


def job_text(job: Job) -> str:
    """The same in a few lines."""
    ended = "" if job.exit_code == 0 else f", ended with exit code {job.exit_code}"
    if not job.rows:
        return f"costmeter: no vLLM engine was metered in {duration(job.seconds)}{ended}\n"
    values = job_values(job)
    lines = [f"{', '.join(values['models'])}: {tokens_text(job.usage)} in {duration(job.seconds)}{ended}"]
    if "usd" in values:
        lines.append(
            f"${values['total_usd']:.4g} in all at ${job.usd_per_hour:.4g}/h: ${values['usd']:.4g} while an engine was "
            f"up, ${values['outside_usd']:.4g} for loading and everything else ({duration(job.outside_seconds)})"
        )
        if "usd_per_million_generated_tokens" in values:
            lines.append(
                f"${values['usd_per_million_generated_tokens']:.4g} per million generated tokens, "
                f"${values['usd_per_million_tokens']:.4g} per million tokens of all kinds (engine time only)"
            )
    else:
        lines.append("no price is known: give --gpu-hourly-usd or --usd-per-hour")
    if "idle_share" in values:
        lines.append(f"{values['idle_share']:.1%} of the engine time idle")
    if "joules" in values:
        lines.append(f"{values['joules'] / 3.6e6:.4g} kWh")
    return "".join(f"costmeter: {line}\n" for line in lines)
