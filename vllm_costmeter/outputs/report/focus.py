"""What was spent as a FOCUS Cost and Usage dataset, the bill format that cost management tools import."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from vllm_costmeter.core.ledger.charges import Charge, charges
from vllm_costmeter.core.ledger.model_identity import model_identity
from vllm_costmeter.core.ledger.rows import Series, UsageRow
from vllm_costmeter.outputs.report.focus_columns import COLUMNS, OWN_COLUMNS, FocusVersion

ISSUER = "self-hosted"
_METERS = {
    "input": "Input Tokens",
    "cached_input": "Cached Input Tokens",
    "output": "Output Tokens",
}
_TOKENS = {"input": ("Input", None), "cached_input": ("Input", "Read"), "output": ("Output", None)}
"""TokenDirection and TokenCacheAction. Computed prompt tokens have no cache action, as those that are placed into the
prefix cache are counted together with those that are not."""


def focus_csv(
    rows: Iterable[UsageRow], step_seconds: int, version: FocusVersion = "1.4", account: str = ISSUER
) -> str:
    """CSV with a header, one row per charge of the rows, whose step is the charge period. Rows without a price have no
    charges. `account` is the billing account."""
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS[version], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        for charge in charges(row.usage, row.series.gpu_share) if row.series.basis else ():
            writer.writerow(_cells(row, charge, step_seconds, account))
    return written.getvalue()


def _cells(row: UsageRow, charge: Charge, step_seconds: int, account: str) -> dict[str, str]:
    """By column, of all versions; a column that is absent here is null."""
    series = row.series
    start = datetime.fromtimestamp(row.start, UTC)
    month = start.replace(day=1, hour=0)
    cost = _number(charge.usd)
    rate = _rate(row, charge)
    own = _own(series, charge)
    tokens = charge.tokens is not None
    return {
        "BilledCost": cost,
        "BillingAccountId": account,
        "BillingAccountName": account,
        "BillingAccountType": "Billing Account",
        "BillingCurrency": "USD",
        "BillingPeriodEnd": _time((month + timedelta(days=32)).replace(day=1)),
        "BillingPeriodStart": _time(month),
        "ChargeCategory": "Usage",
        "ChargeDescription": _description(series, charge),
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": _time(start + timedelta(seconds=step_seconds)),
        "ChargePeriodStart": _time(start),
        "ConsumedQuantity": f"{charge.tokens}.0" if tokens else _number(charge.gpu_hours),
        "ConsumedUnit": "Tokens" if tokens else "GPU-Hours",
        "ContractedCost": cost,
        "ContractedUnitPrice": _number(rate),
        "EffectiveCost": cost,
        "HostProviderName": "Not Applicable",  # who rents out the GPUs is not in the ledger
        "InvoiceIssuerName": ISSUER,
        "ListCost": cost,
        "ListUnitPrice": _number(rate),
        "PricingCategory": "Standard",
        "PricingCurrency": "USD",
        "PricingCurrencyContractedUnitPrice": _number(rate),
        "PricingCurrencyEffectiveCost": cost,
        "PricingCurrencyListUnitPrice": _number(rate),
        "PricingQuantity": _number(charge.gpu_hours),
        "PricingUnit": "GPU-Hours",
        "ProviderName": ISSUER,
        "PublisherName": "vLLM",
        "ResourceId": f"{series.host or 'unknown-host'}/{series.model_name}",
        "ResourceName": series.model_name,
        "ResourceType": "vLLM server",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "vLLM",
        "ServiceProviderName": ISSUER,
        "ServiceSubcategory": "Generative AI",
        "SkuId": _sku(series, charge),
        "SkuMeter": _METERS[charge.token_kind] if charge.token_kind else f"{charge.state.title()} GPU Time",
        "SkuPriceDetails": json.dumps(
            {name: value for name, value in own.items() if value is not None and name != "x_GpuCount"}
            | {"GpuCount": series.gpus},
            ensure_ascii=False,
        ),
        "SkuPriceId": _sku(series, charge),
        "Tags": json.dumps({"model": series.model_name, "host": series.host}, ensure_ascii=False),
        **{name: "" if value is None else str(value) for name, value in own.items()},
    }


def _own(series: Series, charge: Charge) -> dict[str, str | int | None]:
    identity = model_identity(series.model_name)
    direction, cache = _TOKENS[charge.token_kind] if charge.token_kind else (None, None)
    values = (
        identity.developer, identity.family, series.model_name, direction, cache, charge.state, charge.component,
        series.gpu_name or None, series.gpus,
    )  # fmt: skip
    return dict(zip(OWN_COLUMNS, values, strict=True))


def _sku(series: Series, charge: Charge) -> str:
    """The same for every charge with the same properties and list price."""
    kind = charge.token_kind or "gpu_time"
    gpus = f"{series.gpus}x {series.gpu_name or 'unknown GPU'}"
    return "|".join((series.model_name, gpus, charge.component, charge.state, kind))


def _description(series: Series, charge: Charge) -> str:
    kind = f", {_METERS[charge.token_kind].lower()}" if charge.token_kind else ""
    return (
        f"{charge.state.capitalize()} time of {series.model_name} on {series.gpus}x "
        f"{series.gpu_name or 'unknown GPU'}: {charge.component}{kind}"
    )


def _rate(row: UsageRow, charge: Charge) -> Decimal:
    """Dollars per GPU hour of the state and component, to 12 digits after the point."""
    seconds = getattr(row.usage, f"{charge.state}_gpu_seconds") * row.series.gpu_share
    hours = Decimal(repr(float(seconds))) / 3600
    usd = Decimal(repr(row.usage.cost_usd(charge.state, charge.component)))
    return round(usd / hours, 12) if hours else Decimal(0)


def _number(amount: Decimal) -> str:
    """Without an exponent, and with a point, so that a reader that guesses types takes a column of whole amounts for
    decimal numbers."""
    text = f"{amount:f}"
    if "." not in text:
        return f"{text}.0"
    text = text.rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
