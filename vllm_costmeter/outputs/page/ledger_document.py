"""A report of the ledger as one document: tables and bars, no program in it, nothing fetched from anywhere."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from vllm_costmeter import __version__
from vllm_costmeter.outputs.economics.answer import Section
from vllm_costmeter.outputs.page.bars import stacked_bars
from vllm_costmeter.outputs.report.answer import Report, report_section

STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --quiet: #59636e; --line: #d1d9e0; --ground: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --text: #f0f6fc; --quiet: #9198a1; --line: #3d444d; --ground: #0d1117; }
}
body { margin: 0 auto; max-width: 1180px; padding: 24px; color: var(--text); background: var(--ground);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0; } h2 { font-size: 17px; margin: 28px 0 8px; }
main > p:last-child { margin-top: 28px; }
p, figcaption { color: var(--quiet); margin: 4px 0; overflow-wrap: anywhere; }
.amount { font-size: 34px; color: var(--text); margin: 12px 0 0; }
figure { margin: 0; } svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--quiet); font-size: 12px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 12px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.name { text-align: left; white-space: normal; overflow-wrap: break-word; max-width: 36em; }
tr.total td { font-weight: 600; }
@media print { body { max-width: none; } section { break-inside: avoid; }
  svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
NAME, TOTAL = ' class="name"', ' class="total"'


def ledger_document(by_time: Report, reports: Sequence[tuple[str, Report]], now: datetime) -> str:
    """HTML. `by_time`: lines with the keys (day or hour, model); `reports`: further tables with their headings."""
    time, group = by_time.by
    parts = [
        f"<h1>What was spent</h1><p>{_moment(by_time.since)} to {_moment(by_time.until)}</p>",
        f'<p class="amount">${by_time.total.usd():,.2f}</p>',
        f"<section><h2>By {escape(time)} and {escape(group)}</h2>{stacked_bars(by_time)}</section>",
        *(
            f"<section><h2>{escape(heading)}</h2>{_table(report_section(report), len(report.by))}</section>"
            for heading, report in reports
        ),
        "".join(
            f"<p>{escape(note)}</p>" for note in dict.fromkeys(n for _, each in reports for n in each.notes)
        ),
        f"<p>From {escape(', '.join(by_time.ledgers))}; vllm-costmeter {__version__}, {_moment(now)}.</p>",
    ]
    digest = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<title>What was spent</title>\n'
        f'<link rel="icon" href="data:,">\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n'
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _table(section: Section, names: int) -> str:
    heads = "".join(f'<th scope="col">{escape(title)}</th>' for title in section.titles)
    rows = []
    for row in section.rows:
        cells = "".join(f"<td{NAME if at < names else ''}>{escape(cell)}</td>" for at, cell in enumerate(row))
        rows.append(f"<tr{TOTAL if row[0] == 'total' else ''}>{cells}</tr>")
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
