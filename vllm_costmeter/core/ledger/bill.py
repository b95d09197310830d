"""Lines of a provider's bill, by whatever names its columns have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from vllm_costmeter.core.errors import BadInputError, nearest

FIELDS = ("start", "cost", "gpu", "currency")
"""What is read of a line; only the first two are needed."""


class BillLine(NamedTuple):
    """One charge."""

    start: float
    """Unix time."""
    usd: Decimal
    gpu: str
    """Whatever the bill says of the GPU or the instance; empty if it says nothing."""


class Layout(NamedTuple):
    """Where a kind of bill has the fields: in the first column that is there; what it says of a GPU in all of them."""

    name: str
    columns: Mapping[str, Sequence[str]]


LAYOUTS = (
    Layout(
        "FOCUS",
        {
            "start": ("ChargePeriodStart",),
            "cost": ("EffectiveCost", "BilledCost"),
            "gpu": ("x_GpuName", "SkuMeter", "SkuPriceDetails", "ChargeDescription"),
            "currency": ("BillingCurrency",),
        },
    ),
    Layout(
        "AWS CUR 2",
        {
            "start": ("line_item_usage_start_date",),
            "cost": ("line_item_unblended_cost",),
            "gpu": ("product_instance_type", "line_item_usage_type"),
            "currency": ("line_item_currency_code",),
        },
    ),
    Layout(
        "GCP billing export",
        {
            "start": ("usage_start_time",),
            "cost": ("cost",),
            "gpu": ("sku.description", "sku_description"),
            "currency": ("currency",),
        },
    ),
)
"""Column names: the FOCUS specification; docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2-line-item.html;
cloud.google.com/billing/docs/how-to/export-data-bigquery-tables (looked up on 2026-11-28)."""


def columns_of(header: Sequence[str], named: Mapping[str, str]) -> tuple[str, dict[str, tuple[str, ...]]]:
    """The kind of bill and the columns of each field. `named` are given by the reader and go first. BadInputError with
    the columns that there are."""
    for field, column in named.items():
        if column not in header:
            raise BadInputError(f"the bill has no column {column!r} (for {field}){_there(column, header)}")
    given: dict[str, tuple[str, ...]] = {field: (column,) for field, column in named.items()}
    if {"start", "cost"} <= set(named):
        return "a bill with named columns", given
    for layout in LAYOUTS:
        there = {
            field: tuple(name for name in names if name in header) for field, names in layout.columns.items()
        } | given
        if there["start"] and there["cost"]:
            return layout.name, {
                field: names if field == "gpu" else names[:1] for field, names in there.items() if names
            }
    raise BadInputError(
        "the bill has the columns of none of "
        + ", ".join(layout.name for layout in LAYOUTS)
        + "; name them: "
        f"--bill-columns start=COLUMN,cost=COLUMN[,gpu=COLUMN]{_there('cost', header)}"
    )


def column_names(text: str) -> dict[str, str]:
    """`start=Date,cost=Total` -> the columns by field. BadInputError for an unknown field."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        field, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not column:
            raise BadInputError(
                f"--bill-columns needs FIELD=COLUMN, got {part!r}; fields: {', '.join(FIELDS)}"
            )
        if field not in FIELDS:
            raise BadInputError(
                f"--bill-columns has no field {field!r}{nearest(field, FIELDS)}; fields: {', '.join(FIELDS)}"
            )
        found[field] = column
    return found


def _there(column: str, header: Sequence[str]) -> str:
    shown = ", ".join(header[:12]) + (", ..." if len(header) > 12 else "")
    return f"{nearest(column, header)}; it has: {shown or 'none'}"
