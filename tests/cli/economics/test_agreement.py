"""The economics commands answer one question alike, and as `costmeter check` and the meter do."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest

from vllm_costmeter.cli.main import main
from vllm_costmeter.core.pricing.money import cents

OWNED_4090 = ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "2550", "--purchase-usd", "2000"]


@pytest.fixture(autouse=True)
def _package_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COSTMETER_CATALOGUE", raising=False)


def as_json(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """The document that the command prints."""
    assert main([*words, "--format", "json"]) == code
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_what_is_refused_as_asked_is_refused_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    """8B at 131,072 tokens on a 4090, as `costmeter check` refuses it; the length that fits stands beside."""
    model = ("--model", "Llama 3.1 8B", "--max-model-len", "131072")
    cost = as_json(capsys, "cost", "--gpu", "RTX 4090", *model, code=1)["fit"]
    (cell,) = as_json(capsys, "matrix", "--gpus", "RTX 4090", "--quantizations", "own", *model, code=1)[
        "cells"
    ]
    assert cost == cell
    assert (cell["verdict"], cell["asked_tokens"], cell["reason"]) == ("refused", 131072, "kv_cache")
    assert 8192 < cell["max_model_len_that_fits_tokens"] < 131072
    assert main(["matrix", "--gpus", "RTX 4090", "--quantizations", "own", *model]) == 1
    assert "no (max " in capsys.readouterr().out


def test_overhead_is_per_server_whatever_its_gpus(capsys: pytest.CaptureFixture[str]) -> None:
    """730 USD a month are 1.00 USD an hour on one GPU and on eight, as the meter charges them."""
    terms = ("--purchase-usd", "2000", "--overhead-usd-per-month", "730", "--tokens-per-second", "1")
    for gpus in ("RTX 4090", "8x RTX 4090"):
        found = as_json(capsys, "cost", "--gpu", gpus, *terms)
        assert found["usd_per_hour_by_component"]["overhead"] == 1.0


def test_a_region_without_a_tariff_leaves_electricity_out(capsys: pytest.CaptureFixture[str]) -> None:
    """France's carbon is known and its tariff is not: an owned GPU is answered, and the answer says so."""
    words = [*OWNED_4090, "--region", "France"]
    found = as_json(capsys, *words)
    assert "electricity" not in found["usd_per_hour_by_component"]
    assert "Ember" in found["gco2e_source"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "tariff of France unknown" in out
    assert "Electricity is not included" in out


def test_a_stated_price_needs_no_gpu_and_no_catalogue(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that COSTMETER_CATALOGUE names is not even opened."""
    monkeypatch.setenv("COSTMETER_CATALOGUE", "/nowhere/mine.toml")
    for price in ("--gpu-hourly-usd", "--node-hourly-usd"):
        found = as_json(capsys, "cost", price, "0.55", "--tokens-per-second", "2550")
        assert found["usd_per_million_tokens"] == 0.059913


def test_the_charges_of_a_line_add_up_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Depreciation and overhead for all 730 hours of the month, electricity for the plan's: their sum is the line."""
    terms = ("--purchase-usd", "2000", "--electricity-usd-per-kwh", "0.15", "--overhead-usd-per-month", "7.3")
    plan = as_json(capsys, "compare", "--plan", "2x RTX 4090 160h owned + H100 SXM 20h", *terms)["plans"][0]
    hours = [[(each["component"], each["hours"]) for each in use["charges"]] for use in plan["uses"]]
    assert hours == [[("depreciation", 730), ("electricity", 160), ("overhead", 730)], [("rental", 20)]]
    for use in plan["uses"]:
        assert sum(charge["usd"] for charge in use["charges"]) == pytest.approx(use["usd_per_month"])
    assert sum(use["usd_per_month"] for use in plan["uses"]) == pytest.approx(plan["usd_per_month"])


@pytest.mark.parametrize("currency", [[], ["--currency", "EUR", "--usd-per-unit", "1.0837"]])
@pytest.mark.parametrize(
    "plan",
    [
        "8x H100 SXM 730h owned",
        "RTX 4090 40h/week 30% owned",
        "3x RTX 4090 7.7h owned",
        "A10G 40h/week + L4 3h",
    ],
)
def test_every_printed_row_multiplies(
    plan: str, currency: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """USD/h times hours is USD/month, to the cent, and in dollars the rows add up to the plan."""
    owned = [
        "--purchase-usd",
        "1999",
        "--electricity-usd-per-kwh",
        "0.1914",
        "--overhead-usd-per-month",
        "100",
    ]
    words = [
        "compare",
        "--plan",
        plan,
        *(owned if "owned" in plan else []),
        *currency,
        "--format",
        "markdown",
    ]
    assert main(words) == 0
    plans, lines = capsys.readouterr().out.split("### ")[1:3]
    rows = [_cells(line)[4:7] for line in lines.splitlines() if line.startswith("|")][2:]
    amounts = [tuple(Fraction(cell.replace(",", "")) for cell in row) for row in rows]
    assert len(amounts) == (3 if "owned" in plan else 2)
    for per_hour, hours, total in amounts:
        assert cents(per_hour * hours) == total
    if not currency:
        whole = Fraction(_cells(plans.strip().splitlines()[-1])[1].replace(",", ""))
        assert sum(total for _, _, total in amounts) == whole


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]
