"""The ledger beside a bill: which reason is found for which difference."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ledgers import SERIES

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.bill import BillLine, column_names, columns_of
from vllm_costmeter.core.ledger.gpu_class import gpu_class
from vllm_costmeter.core.ledger.reconcile import Reconciliation, reconciled
from vllm_costmeter.core.ledger.rows import DAY, UsageRow
from vllm_costmeter.core.ledger.usage import Usage

START = 1_795_219_200  # 2026-11-21T00:00:00Z


def metered(day: int, hours: float, gpu: str = "NVIDIA H100 80GB HBM3") -> UsageRow:
    """A server of two GPUs that was up for `hours` of a day, at $3 for each GPU."""
    spent = Usage(active_rental_usd=6 * hours, active_gpu_seconds=2 * hours * 3600)
    return UsageRow(START + day * DAY, SERIES._replace(gpu_name=gpu), spent)


def billed(day: int, usd: float, gpu: str = "Nvidia H100 80GB GPU running in Iowa") -> BillLine:
    """At noon."""
    return BillLine(START + day * DAY + 43_200, Decimal(str(usd)), gpu)


def compared(rows: list[UsageRow], bill: list[BillLine], tolerance: float = 0.02) -> Reconciliation:
    """Over three days."""
    return reconciled(rows, bill, tolerance, START, START + 3 * DAY)


def test_equal_days_are_within() -> None:
    """Up to the tolerance, and not past it."""
    rows = [metered(0, 24), metered(1, 24)]
    assert compared(rows, [billed(0, 144), billed(1, 146)]).within
    found = compared(rows, [billed(0, 144), billed(1, 148)])
    assert [pair.within for pair in found.pairs] == [True, False]


def test_a_server_that_was_down_explains_a_difference() -> None:
    """18 of 24 hours metered, 24 billed at the same price: down. At a price that hours do not explain: both."""
    (pair,) = compared([metered(0, 18)], [billed(0, 144)]).pairs
    assert pair.reasons == (
        "metered 36.0 of 48.0 GPU-hours: a server was down or started late, which explains it",
    )
    (pair,) = compared([metered(0, 18)], [billed(0, 300)]).pairs
    assert "a part at most" in pair.reasons[0]
    assert "another price" in pair.reasons[1]


def test_one_factor_is_another_price() -> None:
    """On every day; a single day says it of itself."""
    found = compared([metered(0, 24), metered(1, 12)], [billed(0, 180), billed(1, 90)])
    assert {pair.reasons for pair in found.pairs} == {
        ("another price: the bill is 1.25 times the ledger on every day",)
    }
    (pair,) = compared([metered(0, 24)], [billed(0, 100)]).pairs
    assert pair.reasons == ("another price: the bill is 0.6944 times the ledger",)


def test_what_one_side_lacks_is_said() -> None:
    """Days and GPUs of the bill alone, and of the ledger alone."""
    found = compared([metered(0, 24), metered(1, 24, "NVIDIA L4")], [billed(0, 144), billed(1, 60)])
    assert [(pair.gpu, pair.within) for pair in found.pairs] == [
        ("H100", True),
        ("H100", False),
        ("L4", False),
    ]
    assert "only in the bill" in found.pairs[1].reasons[0]
    assert "only in the ledger" in found.pairs[2].reasons[0]


def test_lines_without_a_gpu() -> None:
    """Beside lines with one they are left out and said; if no line names a GPU, days are compared whole."""
    found = compared([metered(0, 24)], [billed(0, 144), billed(0, 50, "Storage PD Capacity")])
    assert found.within
    assert found.left_out == ["1 line of the bill name no GPU ($50.00): left out"]
    whole = compared([metered(0, 24), metered(0, 24, "NVIDIA L4")], [billed(0, 288, "GPU node")])
    assert [(pair.gpu, pair.within) for pair in whole.pairs] == [("(all)", True)]


@pytest.mark.parametrize(
    ("text", "gpu"),
    [
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("BoxUsage:p5.48xlarge", "H100"),
        ("p5en.48xlarge USE1-BoxUsage", "H200"),
        ("g6e.12xlarge", "L40S"),
        ("Nvidia L4 GPU attached to Spot Preemptible VMs", "L4"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA A100-SXM4-80GB", "A100"),
        ("AMD Instinct MI300X", "MI300X"),
        ("m5.large", None),
        ("", None),
    ],
)
def test_one_gpu_has_one_name(text: str, gpu: str | None) -> None:
    """In drivers, bills and instance types."""
    assert gpu_class(text) == gpu


def test_columns_are_found_or_named() -> None:
    """By kind of bill; unknown ones are listed with the nearest."""
    assert columns_of(("usage_start_time", "cost", "currency"), {})[0] == "GCP billing export"
    kind, columns = columns_of(("Date", "Total"), column_names("start=Date, cost=Total"))
    assert (kind, columns) == ("a bill with named columns", {"start": ("Date",), "cost": ("Total",)})
    with pytest.raises(BadInputError, match="name them"):
        columns_of(("Date", "Total"), {})
    with pytest.raises(BadInputError, match="nearest: Total"):
        columns_of(("Date", "Total"), column_names("start=Date,cost=Totl"))
    with pytest.raises(BadInputError, match="nearest: cost"):
        column_names("cots=Total")
    with pytest.raises(BadInputError, match="FIELD=COLUMN"):
        column_names("Total")


def test_two_servers_on_one_gpu_have_its_hours_once() -> None:
    """By the part of it that each is charged."""
    half = SERIES._replace(gpu_name="H100", gpus=1, gpu_share=0.5)
    spent = Usage(active_rental_usd=36, active_gpu_seconds=DAY)
    rows = [UsageRow(START, half._replace(model_name=name), spent) for name in "ab"]
    (pair,) = compared(rows, [billed(0, 72)]).pairs
    assert (pair.metered_hours, pair.possible_hours, pair.within) == (24.0, 24.0, True)
