"""`costmeter report --format focus`, by the texts of the specification."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from ledgers import NOON, SERIES, usage, write

from vllm_costmeter.cli.main import main
from vllm_costmeter.outputs.ledger.file import LedgerFile

MANDATORY_1_4 = {
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost",
    "EffectiveCost", "HostProviderName", "InvoiceDetailId", "InvoiceId", "InvoiceIssuerName", "ListCost",
    "PricingQuantity", "PricingUnit", "ServiceCategory", "ServiceName", "ServiceProviderName", "ServiceSubcategory",
}  # fmt: skip
MAY_BE_NULL = {"ChargeClass", "InvoiceDetailId", "InvoiceId"}


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A model with every kind of token, one of owned GPUs without phases, one without a price; two days."""
    hours = {
        NOON + hour * 3600: usage(1.1 + hour / 7, prompt_cached_tokens=70 * hour) for hour in (0, 1, 2, 24)
    }
    path = write(tmp_path / "one.sqlite3", hours, SERIES._replace(model_name="Qwen/Qwen3-8B"))
    owned = usage(0, active_depreciation_usd=0.3, idle_electricity_usd=0.1, prefill_usd=0, decode_usd=0)
    write(path, {NOON: owned}, SERIES._replace(model_name="own", basis="owned", gpu_name=""))
    return write(path, {NOON: usage(0)}, SERIES._replace(model_name="unpriced", basis="", usd_per_hour=0.0))


def focus(ledger: Path, *words: str, capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, str]], str]:
    """The rows, and what was said on standard error."""
    assert main(["report", "--ledger", str(ledger), "--format", "focus", *words]) == 0
    out, error = capsys.readouterr()
    return list(csv.DictReader(io.StringIO(out))), error


@pytest.mark.parametrize("by", ["hour", "day"])
def test_rows_add_up_to_the_report(ledger: Path, by: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In each cost column, for charge periods of an hour and of a day; what has no price is said."""
    rows, error = focus(ledger, "--by", by, capsys=capsys)
    main(["report", "--ledger", str(ledger), "--format", "json"])
    total = json.loads(capsys.readouterr().out)["total_usd"]
    for column in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
        assert float(sum(Decimal(row[column]) for row in rows)) == pytest.approx(total, rel=1e-14)
    assert "unpriced" in error
    assert not [row for row in rows if row["ResourceName"] == "unpriced"]


def test_what_1_4_asks_for_is_there(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Mandatory columns, and nulls only where they may be."""
    rows, _ = focus(ledger, capsys=capsys)
    for row in rows:
        assert set(row) >= MANDATORY_1_4
        assert not {"ProviderName", "PublisherName"} & set(row)
        assert not [name for name in MANDATORY_1_4 - MAY_BE_NULL if row[name] == ""]
        assert (row["InvoiceId"], row["InvoiceDetailId"], row["ChargeClass"]) == ("", "", "")
        assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"]
        assert row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]
        details = json.loads(row["SkuPriceDetails"])
        assert all(name == "GpuCount" or name.startswith("x_") for name in details)
        product = Decimal(row["ListUnitPrice"]) * Decimal(row["PricingQuantity"])
        assert float(product) == pytest.approx(float(row["ListCost"]), rel=1e-9)
        assert row["SkuId"]
        assert row["ConsumedUnit"] == ("Tokens" if row["x_TokenDirection"] else "GPU-Hours")


def test_a_sku_price_has_one_set_of_details(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the specification asks of SkuPriceId."""
    rows, _ = focus(ledger, capsys=capsys)
    pairs = {(row["SkuPriceId"], row["SkuPriceDetails"]) for row in rows}
    assert len(pairs) == len({sku for sku, _ in pairs})


def test_models_and_tokens_are_named(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the names of the properties that the specification is about to add."""
    rows, _ = focus(ledger, "--by", "day", "--since", "2026-11-21", "--until", "2026-11-21", capsys=capsys)
    tokens = {
        (row["x_TokenDirection"], row["x_TokenCacheAction"]): row["ConsumedQuantity"]
        for row in rows
        if row["x_ModelId"] == "Qwen/Qwen3-8B" and row["x_State"] == "active"
    }
    assert tokens == {("Input", ""): "1800.0", ("Input", "Read"): "210.0", ("Output", ""): "300.0"}
    assert {(row["x_ModelDeveloper"], row["x_ModelFamily"]) for row in rows} == {("Qwen", "Qwen"), ("", "")}


def test_rows_of_days_have_charge_periods_of_days(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where hours were asked for, as no hour of them is known; it is said."""
    file = LedgerFile(ledger)
    file.roll_up(NOON + 500 * 86_400)
    file.close()
    rows, error = focus(ledger, capsys=capsys)
    assert {row["ChargePeriodStart"][11:] + row["ChargePeriodEnd"][11:] for row in rows} == {
        "00:00:00Z00:00:00Z"
    }
    assert "Charge periods are days" in error


def test_older_versions_have_their_names(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """ProviderName and PublisherName; 1.0 has no SkuPriceDetails."""
    for version in ("1.2", "1.0"):
        rows, _ = focus(ledger, "--focus-version", version, "--focus-account", "team-a", capsys=capsys)
        assert {"ProviderName", "PublisherName"} < set(rows[0])
        assert ("SkuPriceDetails" in rows[0]) == (version == "1.2")
        assert rows[0]["BillingAccountId"] == "team-a"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--format", "focus", "--by", "model"), "hour or day"),
        (("--focus-version", "1.2"), "needs --format focus"),
    ],
)
def test_what_cannot_be_combined_is_refused(
    ledger: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line."""
    assert main(["report", "--ledger", str(ledger), *words]) == 2
    out, error = capsys.readouterr()
    assert not out
    assert said in error
