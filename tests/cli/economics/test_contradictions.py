"""What contradicts, or is not used, is said."""

from __future__ import annotations

import csv
import io
import json

import pytest

from vllm_costmeter.cli.main import main

OWNED = ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "100", "--purchase-usd", "2000"]


def test_tokens_that_hours_and_rate_do_not_give_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """160 h of 2,550 tok/s are 1,469 Mtok: no other amount passes in silence, a rounded one does."""
    assert main(["compare", "--plan", "RTX 4090 160h 2550tok/s 500Mtok"]) == 2
    assert "are 1,468.8 Mtok, not 500: leave one of the three out" in capsys.readouterr().err
    assert main(["compare", "--plan", "RTX 4090 160h 2550tok/s 1470Mtok"]) == 0


def test_tokens_and_hours_give_the_rate(capsys: pytest.CaptureFixture[str]) -> None:
    """88 USD for 500 Mtok are 0.176 USD per million, with or without the rate stated."""
    for plan in ("RTX 4090 160h 500Mtok", "RTX 4090 160h 868.0556tok/s"):
        assert main(["compare", "--plan", plan, "--format", "json"]) == 0
        (found,) = json.loads(capsys.readouterr().out)["plans"]
        assert found["uses"][0]["usd_per_million_tokens"] == pytest.approx(0.176, abs=1e-4)


def test_a_tariff_that_a_stated_price_replaces_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """The region still gives the carbon intensity; its name is checked."""
    words = [*OWNED, "--region", "US New York", "--electricity-usd-per-kwh", "0.2"]
    assert main(words) == 0
    assert "electricity at the stated price, not at that of US New York" in capsys.readouterr().out
    assert main([*words, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["price"]["unused_region"] == "US New York"
    assert main([*OWNED, "--region", "Nowhere", "--electricity-usd-per-kwh", "0.2"]) == 2
    assert "Nowhere" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (["matrix", "--model", "Llama 3.1 8B", "--gpus", "L40S,RTX 4090"], 4),
        (["gpus", "H100 SXM"], 1),
        (["prices", "--gpu", "RTX 4090"], 2),
        (["cost", "--gpu", "RTX 4090", "--tokens-per-second", "100"], 1),
        (["estimate", "Llama 3.1 8B", "--gpu", "RTX 4090"], 1),
        (["compare", "--plan", "RTX 4090 1h", "--plan", "H100 SXM 1h"], 2),
    ],
)
def test_csv_has_a_row_for_every_object_of_the_json(
    words: list[str], rows: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Same names, base units, no thousands separators."""
    main([*words, "--format", "csv"])
    found = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(found) >= rows
    assert all(None not in row for row in found)


@pytest.mark.parametrize(
    "words",
    [
        ["check", "none.json", "--gpu", "L4"],
        ["check", "none.yaml"],
        ["check", "m", "--gpu", "L4", "--config", "none.yaml"],
        ["check", "examples/models/llama-3.1-8b", "--gpu", "L4", "--waivers", "none.toml"],
        ["matrix", "--models", "none.txt"],
        ["compare", "--file", "none.toml"],
        ["cost", "--gpu", "L4", "--from-bench", "none.json"],
        ["prices", "update", "--from", "skypilot", "none.csv", "--to", "x.toml"],
    ],
)
def test_a_missing_file_has_one_wording(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """`NAME: does not exist`, exit 2, whatever command asked for it."""
    assert main(words) == 2
    said = capsys.readouterr().err
    assert ": does not exist" in said
    assert said.count("\n") == 1


def test_fewer_requests_that_fit_are_a_field_and_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A hybrid with vLLM's default of 1,024 requests: not only a sentence says how many start."""
    hybrid = "tests/data/models/nvidia__NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"
    words = ["--model", hybrid, "--quantizations", "own", "--gpus", "H100 SXM"]
    assert main(["matrix", *words, "--format", "json"]) == 1
    (cell,) = json.loads(capsys.readouterr().out)["cells"]
    assert (cell["verdict"], cell["reason"]) == ("refused", "max_num_seqs")
    seqs = cell["max_num_seqs_that_fits"]
    assert f"--max-num-seqs {seqs}" in cell["message"]
    main(["matrix", *words])
    assert f"no (--max-num-seqs {seqs})" in capsys.readouterr().out
    assert main(["cost", "--gpu", "H100 SXM", "--model", hybrid, "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["fit"]["max_num_seqs_that_fits"] == seqs
