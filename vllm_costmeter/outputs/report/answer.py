"""A report of what was spent, in every format but FOCUS."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from vllm_costmeter.core.ledger.line import Line
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.outputs.economics.answer import Format, Section, rendered

SCHEMA = "costmeter.report/1"


class Report(NamedTuple):
    """Lines of a time range [since, until) over some ledgers."""

    since: datetime
    until: datetime
    ledgers: Sequence[str]
    by: Sequence[str]
    lines: Sequence[Line]
    total: Usage
    notes: Sequence[str]


def report_text(report: Report, format: Format) -> str:
    """The report in the format."""
    values = {
        "since": _written(report.since),
        "until": _written(report.until),
        "ledgers": list(report.ledgers),
        "by": list(report.by),
        "total_usd": report.total.usd(),
        "total": _usage(report.total),
        "rows": [_line(report.by, line) for line in report.lines],
        "notes": list(report.notes),
    }
    return rendered(format, SCHEMA, values, [report_section(report)])


def report_section(report: Report) -> Section:
    """Its table; columns that are empty in every row are left out."""
    titles = (
        *report.by,
        "USD",
        "share",
        "GPU-hours",
        "tokens",
        "$/M generated",
        "$/M all",
        "of it idle",
        "kWh",
        "requests",
    )
    total = report.total.usd()
    rows = [(*line.keys, *_cells(line, total)) for line in report.lines]
    if len(rows) > 1 or not report.by:
        whole = Line((), total, report.total, report.total.gpu_seconds, report.total.joules)
        blanks = ("total", *[""] * (len(report.by) - 1)) if report.by else ()
        rows.append((*blanks, *_cells(whole, total)))
    used = [at for at in range(len(titles)) if at < len(report.by) + 1 or any(row[at] for row in rows)]
    return Section(
        f"{_written(report.since)} to {_written(report.until)}",
        tuple(titles[at] for at in used),
        [tuple(row[at] for at in used) for row in rows],
        tuple(report.notes),
    )


def _cells(line: Line, total_usd: float) -> tuple[str, ...]:
    usage, share = line.usage, line.share
    generated = usage.generated_tokens if usage else share.generated_tokens if share else 0
    tokens = usage.tokens if usage else share.tokens if share else 0
    requests = usage.requests if usage else share.requests if share else 0
    return (
        _usd(line.usd),
        f"{100 * line.usd / total_usd:.1f} %" if total_usd else "",
        f"{line.gpu_seconds / 3600:,.2f}" if line.gpu_seconds else "",
        f"{tokens or generated:,}" if tokens or generated else "",
        f"{1e6 * line.usd / generated:,.2f}" if generated else "",
        f"{1e6 * line.usd / tokens:,.2f}" if tokens else "",
        _usd(line.idle_usd) if line.idle_usd else "",
        f"{line.joules / 3.6e6:,.3f}" if line.joules else "",
        f"{requests:,}" if requests else "",
    )


def _usd(usd: float) -> str:
    decimals = 2 if abs(usd) >= 10 else 4 if abs(usd) >= 0.001 or usd == 0 else 7
    return f"{usd:,.{decimals}f}"


def _line(by: Sequence[str], line: Line) -> dict[str, Any]:
    found: dict[str, Any] = {**dict(zip(by, line.keys, strict=True)), "usd": line.usd}
    if line.usage is not None:
        return found | _usage(line.usage)
    if line.gpu_seconds is not None:
        found["gpu_seconds"] = line.gpu_seconds
    if line.joules:
        found["joules"] = line.joules
    if line.share is not None:
        if line.idle_usd:
            found |= {"active_usd": line.share.usd, "idle_usd": line.idle_usd}
        found |= {
            name: value for name, value in line.share._asdict().items() if name not in ("usd", "joules")
        }
    return found


def _usage(usage: Usage) -> dict[str, Any]:
    """Absent where nothing is known, never 0: energy, unit prices without tokens."""
    usd = usage.usd()
    found: dict[str, Any] = {
        "active_usd": usage.usd("active"),
        "idle_usd": usage.usd("idle"),
        "asleep_usd": usage.usd("asleep"),
        "gpu_seconds": usage.gpu_seconds,
        "prompt_computed_tokens": usage.prompt_computed_tokens,
        "prompt_cached_tokens": usage.prompt_cached_tokens,
        "generated_tokens": usage.generated_tokens,
        "finished_requests": usage.finished_requests,
        "aborted_requests": usage.aborted_requests,
        "failed_requests": usage.failed_requests,
        "request_usd": usage.request_usd,
    }
    if usage.prefill_usd + usage.decode_usd > 0:
        found |= {"prefill_usd": usage.prefill_usd, "decode_usd": usage.decode_usd}
    if usage.joules:
        found |= {"joules": usage.joules, "active_joules": usage.active_joules}
    if usage.carbon_grams:
        found["carbon_grams"] = usage.carbon_grams
    if usd and usage.tokens:
        found["usd_per_million_tokens"] = 1e6 * usd / usage.tokens
    if usd and usage.generated_tokens:
        found["usd_per_million_generated_tokens"] = 1e6 * usd / usage.generated_tokens
    return found


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
