"""The ledger beside a bill, in every format of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vllm_costmeter.core.ledger.reconcile import Reconciliation, day
from vllm_costmeter.outputs.economics.answer import Format, Section, rendered

SCHEMA = "costmeter.reconciliation/1"


class Sides(NamedTuple):
    """What was compared."""

    bill: str
    kind: str
    ledgers: Sequence[str]
    since: str
    until: str
    tolerance: float


def reconciliation_text(found: Reconciliation, sides: Sides, format: Format) -> str:
    """The comparison in the format; as JSON by the schema `costmeter.reconciliation/1`."""
    ledger_usd = sum(pair.ledger_usd for pair in found.pairs)
    bill_usd = sum(pair.bill_usd for pair in found.pairs)
    values = {
        **sides._asdict(),
        "within": found.within,
        "ledger_usd": ledger_usd,
        "bill_usd": bill_usd,
        "difference_usd": bill_usd - ledger_usd,
        "rows": [
            {
                "day": day(pair.start),
                "gpu": pair.gpu,
                "ledger_usd": pair.ledger_usd,
                "bill_usd": pair.bill_usd,
                "difference_usd": pair.difference_usd,
                "metered_gpu_hours": pair.metered_hours,
                "possible_gpu_hours": pair.possible_hours,
                "within": pair.within,
                "reasons": list(pair.reasons),
            }
            for pair in found.pairs
        ],
        "notes": list(found.left_out),
    }
    rows = [
        (
            day(pair.start),
            pair.gpu,
            *_cells(pair.ledger_usd, pair.bill_usd),
            f"{pair.metered_hours:,.1f} of {pair.possible_hours:,.1f}" if pair.possible_hours else "",
            "within" if pair.within else "; ".join(pair.reasons),
        )
        for pair in found.pairs
    ]
    rows.append(("total", "", *_cells(ledger_usd, bill_usd), "", ""))
    past = sum(not pair.within for pair in found.pairs)
    verdict = "Every line is within" if found.within else f"{past} of {len(found.pairs)} lines are past"
    section = Section(
        f"{sides.since} to {sides.until}: the ledger beside {sides.bill} ({sides.kind})",
        ("day", "GPU", "ledger USD", "bill USD", "difference", "", "GPU-hours metered", "likely reason"),
        rows,
        (*found.left_out, f"{verdict} {100 * sides.tolerance:g} %."),
    )
    return rendered(format, SCHEMA, values, [section])


def _cells(ledger_usd: float, bill_usd: float) -> tuple[str, str, str, str]:
    difference = round(bill_usd - ledger_usd, 6) + 0.0  # no -0
    share = f"{100 * difference / ledger_usd:+.1f} %" if ledger_usd else ""
    return f"{ledger_usd:,.2f}", f"{bill_usd:,.2f}", f"{difference:+,.2f}", share
