"""`costmeter gpus` and `costmeter prices`: what they list, in every format, on a fixed day."""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vllm_costmeter.cli.economics import gpus, prices
from vllm_costmeter.core.errors import BadInputError

DAY = date(2026, 6, 10)


def run(capsys: pytest.CaptureFixture[str], command: ModuleType, *words: str, today: date = DAY) -> str:
    """What the command prints on that day."""
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args([command.__name__.rpartition(".")[2], *words])
    assert command.run(args, today=today) == 0
    return capsys.readouterr().out


def as_json(capsys: pytest.CaptureFixture[str], command: ModuleType, *words: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run(capsys, command, *words, "--format", "json"))
    return answer


def test_the_listing_has_every_gpu_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Memory as CUDA shows it, rates, and the dated default price; a second-hand number is marked."""
    lines = run(capsys, gpus).splitlines()
    line = next(line for line in lines if line.startswith("RTX 4090"))
    assert line.split() == [
        *(
            "RTX",
            "4090",
            "23.64",
            "1008",
            "165.2",
            "330.3",
            "450",
            "PCIe",
            "4",
            "32",
            "8.9",
            "0.55",
            "2026-05-25",
        ),
    ]
    assert "71?" in next(line for line in lines if line.startswith("RTX 3090"))
    assert all(line == line.rstrip() for line in lines)


def test_a_named_gpu_shows_where_each_fact_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Value, unit, source and date of each fact, and how drivers and people call the GPU."""
    text = run(capsys, gpus, "h100 sxm")
    assert text.startswith("H100 SXM (also NVIDIA H100 80GB HBM3, H100 SXM5")
    assert "79.19 GiB (79.18 to 79.33)" in text
    assert "61 vLLM v0.19 boot logs" in text


def test_the_json_has_base_units_sources_and_no_unknown_facts(capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes and rates per second; what is not known is absent, not null."""
    answer = as_json(capsys, gpus, "MI308X")
    assert answer["schema"] == "costmeter.gpus/1"
    (row,) = answer["gpus"]
    assert row["bandwidth_bytes_per_second"] == 5.3e12
    assert "memory_bytes" not in row
    assert "default_price" not in row
    assert row["sources"]["bandwidth_bytes_per_second"]["as_of"]


def test_the_listing_is_cut_by_vendor_memory_and_price(capsys: pytest.CaptureFixture[str]) -> None:
    """Filters hold together; a filter that leaves nothing is said."""
    listed = as_json(capsys, gpus, "--vendor", "nvidia", "--memory-at-least", "24", "--with-price")["gpus"]
    assert {row["vendor"] for row in listed} == {"nvidia"}
    assert min(row["nominal_gb"] for row in listed) == 24
    assert "RTX 4090" in {row["name"] for row in listed}  # by its nameplate: CUDA shows 23.64 GiB
    assert all("default_price" in row for row in listed)
    assert len(as_json(capsys, gpus)["gpus"]) > 4 * len(listed) > 20
    with pytest.raises(BadInputError, match="remove one"):
        run(capsys, gpus, "--vendor", "intel", "--with-price")


def test_a_count_and_a_slice_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    """As in every other command; the prices of a slice are its part of the GPU's."""
    assert run(capsys, gpus, "8x H100 SXM") == run(capsys, gpus, "H100 SXM")
    assert run(capsys, prices, "--gpu", "H100 SXM:8") == run(capsys, prices, "--gpu", "H100 SXM")
    whole = as_json(capsys, prices, "--gpu", "H100 SXM")["prices"]
    part = as_json(capsys, prices, "--gpu", "H100 SXM MIG 3g.40gb")["prices"]
    assert [row["usd_per_gpu_hour"] for row in part] == [row["usd_per_gpu_hour"] / 2 for row in whole]
    assert [row["default"] for row in part] == [row["default"] for row in whole]


def test_markdown_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Every row has the header's number of cells."""
    for text in (run(capsys, gpus, "--format", "markdown"), run(capsys, prices, "--format", "markdown")):
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len({line.count("|") - line.count("\\|") for line in rows}) == 1
        assert len(rows) > 20


def test_a_price_shows_its_age_only_past_ninety_days(capsys: pytest.CaptureFixture[str]) -> None:
    """A fresh quote needs no warning; the same quote three months later does."""
    fresh = run(capsys, prices, "--gpu", "4090")
    later = run(capsys, prices, "--gpu", "4090", today=date(2026, 9, 1))
    assert " days" not in fresh
    assert "99 days, stale " in later
    assert "123 days" in later  # "2026-05" counts from its first day
    assert "99 days" in run(capsys, gpus, "4090", today=date(2026, 9, 1))


def test_the_default_of_each_gpu_is_marked_once(capsys: pytest.CaptureFixture[str]) -> None:
    """At most one row of a GPU is the one that is charged, and never an unverified one."""
    answer = as_json(capsys, prices)
    assert answer["schema"] == "costmeter.prices/1"
    defaults = [row for row in answer["prices"] if row["default"]]
    assert len({row["gpu"] for row in defaults}) == len(defaults) > 10
    assert all(row["verified"] and row["term"] == "on-demand" for row in defaults)


def test_prices_are_chosen_by_gpu_and_provider(capsys: pytest.CaptureFixture[str]) -> None:
    """A GPU by any spelling, a provider by part of its name."""
    rows = as_json(capsys, prices, "--gpu", "NVIDIA H100 80GB HBM3", "--provider", "runpod")["prices"]
    assert [(row["gpu"], row["usd_per_gpu_hour"]) for row in rows] == [("H100 SXM", 3.39)]


def test_a_gpu_nobody_prices_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """No rows is an answer, with what to do; in JSON, an empty list."""
    assert run(capsys, prices, "--gpu", "GB300") == (
        "the catalogue has no price for GB300; other commands take one with --gpu-hourly-usd\n"
    )
    assert as_json(capsys, prices, "--gpu", "GB300")["prices"] == []


@pytest.mark.parametrize(
    ("command", "words", "says"),
    [
        (gpus, ["4099"], "unknown GPU '4099'; nearest: .*RTX 4090"),
        (prices, ["--gpu", "A100"], "A100 40GB SXM, A100 80GB SXM"),
        (prices, ["--provider", "Lambada"], "no provider is called 'Lambada'; nearest: Lambda"),
    ],
)
def test_an_unknown_name_is_one_line_with_the_nearest(
    command: ModuleType, words: list[str], says: str
) -> None:
    """Bad input names what is near."""
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    with pytest.raises(BadInputError, match=says):
        command.run(parser.parse_args([command.__name__.rpartition(".")[2], *words]), today=DAY)


def test_the_users_own_rows_are_listed_as_theirs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file named by the environment adds to the listing and becomes the default."""
    mine = tmp_path / "mine.toml"
    mine.write_text(
        '[[price]]\ngpu = "l4"\nprovider = "cellar"\nusd_per_gpu_hour = 0.125\nas_of = "2026-06"\n'
    )
    monkeypatch.setenv("COSTMETER_CATALOGUE", str(mine))
    line = next(line for line in run(capsys, prices, "--gpu", "L4").splitlines() if "cellar" in line)
    assert line.split()[:2] == ["L4", "0.125"]
    assert "default, yours" in line
