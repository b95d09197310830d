"""`costmeter report --reconcile`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ledgers import NOON, SERIES, usage, write

from vllm_costmeter.cli.main import main

FOCUS = (
    "ChargePeriodStart,BilledCost,BillingCurrency,ChargeDescription\n2026-11-21T00:00:00Z,{usd},USD,H100\n"
)
AWS = (
    "line_item_usage_start_date,line_item_unblended_cost,line_item_currency_code,product_instance_type\n"
    "2026-11-21T00:00:00.000Z,{usd},USD,p5.4xlarge\n"
)
GCP = (
    "usage_start_time,cost,currency,sku.description\n2026-11-21 00:00:00 UTC,{usd},USD,Nvidia H100 80GB GPU\n"
)
OTHER = "Date,Total,Item\n2026-11-21,{usd},2x H100\n"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """$1.50 on the 21st."""
    return write(tmp_path / "ledger.sqlite3", {NOON: usage(1.0)}, SERIES)


def compare(ledger: Path, bill: str, *words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """(exit code, output, error)."""
    path = ledger.with_name("bill.csv")
    path.write_text(bill)
    code = main(["report", "--ledger", str(ledger), "--reconcile", str(path), *words])
    return code, *capsys.readouterr()


@pytest.mark.parametrize(
    ("bill", "words"),
    [(FOCUS, ()), (AWS, ()), (GCP, ()), (OTHER, ("--bill-columns", "start=Date,cost=Total,gpu=Item"))],
)
def test_each_kind_of_bill_is_read(
    ledger: Path, bill: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """0 within the tolerance, 1 past it."""
    code, out, _ = compare(ledger, bill.format(usd=1.51), *words, "--format", "json", capsys=capsys)
    values = json.loads(out)
    assert (code, values["schema"], values["within"]) == (0, "costmeter.reconciliation/1", True)
    assert [(row["day"], row["gpu"]) for row in values["rows"]] == [("2026-11-21", "H100")]
    code, out, _ = compare(ledger, bill.format(usd=3), *words, "--tolerance", "10%", capsys=capsys)
    assert code == 1
    assert "GPU-hours" in out


def test_the_ledgers_own_bill_agrees(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """FOCUS written and read again."""
    main(["report", "--ledger", str(ledger), "--format", "focus"])
    own = capsys.readouterr().out
    assert compare(ledger, own, "--tolerance", "0", capsys=capsys)[0] == 0


def test_days_without_a_server_are_compared_too(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the ledger has nothing at all in the bill's days, they are in the bill alone."""
    code, out, _ = compare(ledger, FOCUS.format(usd=7).replace("11-21", "11-05"), capsys=capsys)
    assert code == 1
    assert "only in the bill: no server was metered" in out


def test_credits_are_left_out_when_asked(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And said; otherwise refused."""
    bill = FOCUS.format(usd=1.5) + "2026-11-21T01:00:00Z,-1,USD,credit H100\n"
    code, out, _ = compare(ledger, bill, "--without-credits", capsys=capsys)
    assert code == 0
    assert "$-1.00" in out
    code, _, error = compare(ledger, bill, capsys=capsys)
    assert code == 2
    assert "--without-credits" in error


@pytest.mark.parametrize(
    ("bill", "words", "said"),
    [
        ("", (), "columns of none"),
        ("a,b\n1,2\n", (), "--bill-columns start=COLUMN"),
        (FOCUS.format(usd=1) + "2026-11-21T01:00:00Z,1,EUR,x\n", (), "a second currency (EUR and USD)"),
        (FOCUS.format(usd=1).replace("USD,", "EUR,"), (), "in EUR"),
        (FOCUS.format(usd="much"), (), "line 2: BilledCost is no amount: 'much'"),
        (FOCUS.format(usd="nan"), (), "no amount"),
        (FOCUS.format(usd=1) + "2026-11-21\n", (), "line 3: BilledCost is no amount: ''"),
        (FOCUS.format(usd=1).replace("2026-11-21T", "last week "), (), "no ISO 8601 time"),
        (FOCUS.format(usd=0), (), "no line that costs anything"),
        (FOCUS.format(usd=1), ("--since", "2026-10", "--until", "2026-10"), "it covers 2026-11-21"),
        (FOCUS.format(usd=1), ("--tolerance", "a lot"), "--tolerance must be a share"),
        (FOCUS.format(usd=1), ("--by", "model"), "leave --by out"),
    ],
)
def test_a_bill_that_cannot_be_compared_is_one_line(
    ledger: Path, bill: str, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with exit code 2."""
    code, out, error = compare(ledger, bill, *words, capsys=capsys)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert said in error
