"""`costmeter cost`, `matrix`, `compare`, `estimate` and `prices update`: forms, exit codes, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from http_stand_in import serving
from required_tool import required_module

from vllm_costmeter.cli.main import main

FEEDS = Path(__file__).parents[2] / "data" / "price_feeds"
CONFIG = Path(__file__).parents[2] / "data" / "models" / "Qwen__Qwen3-30B-A3B" / "config.json"
PAGE = """\
costmeter_tokens_total{kind="prompt_computed",model_name="m"} 1000000
costmeter_tokens_total{kind="generated",model_name="m"} 1000000
costmeter_tokens_per_second{kind="generated",model_name="m",window="5m"} 2550
costmeter_price_usd_per_hour{component="rental"} 0.55
costmeter_cost_usd_total{component="rental",model_name="m",state="active"} 0.02
"""
COMMANDS = {
    "cost": ["cost", "--gpu", "RTX 4090", "--tokens-per-second", "2550"],
    "matrix": ["matrix", "--gpus", "RTX 4090,8x RTX 4090"],
    "compare": ["compare", "--plan", "RTX 4090 160h 2550tok/s owned", "--purchase-usd", "2000"],
    "compare-api": [
        *("compare", "--against", "api", "--api-model", "Qwen3-32B"),
        *("--tokens", "10,0,5", "--own-usd", "1"),
    ],
    "estimate": ["estimate", "Llama 3.1 8B", "--gpu", "H100 SXM", "--concurrency", "8"],
}


@pytest.fixture(autouse=True)
def _package_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COSTMETER_CATALOGUE", raising=False)


def as_json(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """The document that the command prints."""
    assert main([*words, "--format", "json"]) == code
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


@pytest.mark.parametrize("name", COMMANDS)
def test_every_form_is_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Text, Markdown with a table, and JSON under a schema of its own."""
    assert main(COMMANDS[name]) == 0
    assert capsys.readouterr().out.strip()
    assert main([*COMMANDS[name], "--format", "markdown"]) == 0
    assert "| --- |" in capsys.readouterr().out.replace("---:", "---")
    assert as_json(capsys, *COMMANDS[name])["schema"] == f"costmeter.{name}/1"


def test_another_currency_stands_beside_the_dollars(capsys: pytest.CaptureFixture[str]) -> None:
    """Each field in USD has a twin, and the rate is stated."""
    found = as_json(capsys, *COMMANDS["cost"], "--currency", "EUR", "--usd-per-unit", "1.1")
    assert found["currency"] == {"code": "EUR", "usd_per_unit": 1.1}
    assert (found["usd_per_hour"], found["eur_per_hour"]) == (0.55, 0.5)
    assert (found["price"]["usd_per_gpu_hour"], found["price"]["eur_per_gpu_hour"]) == (0.55, 0.5)


def test_a_currency_changes_amounts_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """In a table by utilisation the utilisation stays, the tariff has a twin."""
    words = [*COMMANDS["compare"], "--electricity-usd-per-kwh", "0.15"]
    found = as_json(capsys, *words, "--currency", "EUR", "--usd-per-unit", "2")
    table = found["plans"][0]["uses"][0]["sensitivity"]
    assert [name for name in table if name.startswith("eur")] == []
    at_5_percent = table["usd_per_million_tokens_by_utilization_ratio"][0]
    assert at_5_percent["utilization_ratio"] == 0.05
    low, high = at_5_percent["usd_per_million_tokens_range"]
    assert at_5_percent["eur_per_million_tokens_range"] == [
        pytest.approx(low / 2, abs=1e-6),
        pytest.approx(high / 2, abs=1e-6),
    ]
    tariff = table["usd_per_million_tokens_by_usd_per_kwh"][0]
    assert (tariff["usd_per_kwh"], tariff["eur_per_kwh"]) == (0.05, 0.025)


def test_an_estimate_on_second_hand_rates_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """An RTX 3090's 16-bit rate is derived; an H100's is not."""
    words = ("estimate", "Llama 3.1 8B", "--concurrency", "8", "--gpu")
    assert as_json(capsys, *words, "RTX 3090")["second_hand"] == ["16-bit rate"]
    assert as_json(capsys, *words, "H100 SXM")["second_hand"] == []
    assert main([*words, "RTX 3090"]) == 0
    assert "16-bit rate of the RTX 3090 is second-hand" in capsys.readouterr().out


def test_electricity_that_is_not_counted_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """In every answer about an owned GPU without a tariff."""
    owned = ["--purchase-usd", "2000"]
    for words in (
        [*COMMANDS["cost"], *owned],
        COMMANDS["compare"],
        [*COMMANDS["estimate"], *owned],
    ):
        assert main(words) == 0
        assert "Electricity is not included" in capsys.readouterr().out
    assert main([*COMMANDS["cost"], *owned, "--electricity-usd-per-kwh", "0.15"]) == 0
    assert "Electricity is not included" not in capsys.readouterr().out
    found = as_json(capsys, *COMMANDS["cost"], *owned)
    assert "electricity" not in found["usd_per_hour_by_component"]


def test_cost_takes_the_rate_and_the_price_of_a_running_server(capsys: pytest.CaptureFixture[str]) -> None:
    """No GPU need be named."""
    with serving(PAGE) as url:
        found = as_json(capsys, "cost", "--from-metrics", url)
    assert found["usd_per_million_tokens"] == 0.059913
    assert found["price"]["source"] == "the server itself"


def test_cost_takes_a_bench_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Generated tokens by default, all on demand."""
    file = tmp_path / "result.json"
    file.write_text(json.dumps({"duration": 9.5, "output_throughput": 1000, "total_token_throughput": 4000}))
    words = ("cost", "--gpu", "H100 SXM", "--gpu-hourly-usd", "3.6", "--from-bench", str(file))
    assert as_json(capsys, *words)["usd_per_million_tokens"] == 1.0
    assert as_json(capsys, *words, "--per", "all")["usd_per_million_tokens"] == 0.25


def test_an_old_price_is_shown_with_its_age(capsys: pytest.CaptureFixture[str]) -> None:
    """Here of May 2026; the source and the date are always there."""
    price = as_json(capsys, *COMMANDS["cost"])["price"]
    assert price["as_of"] == "2026-05-25"
    assert price["stale"] is (price["age_days"] > 90)


def test_a_break_even_says_whose_rent_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """The catalogue's, with its date and age, or the stated one."""
    use = as_json(capsys, *COMMANDS["compare"])["plans"][0]["uses"][0]
    assert use["break_even"]["rent_source"].startswith("rented, comparison article, 2026-05-25")
    assert use["price"] == {"basis": "owned", "source": "as stated"}
    assert main(COMMANDS["compare"]) == 0
    assert "Rent of RTX 4090: rented, comparison article, 2026-05-25" in capsys.readouterr().out
    stated = ("compare", "--plan", "RTX 4090 160h @0.4 owned", "--purchase-usd", "2000")
    assert as_json(capsys, *stated)["plans"][0]["uses"][0]["break_even"]["rent_source"] == "rented, as stated"


def test_an_old_tariff_is_shown_with_its_age(capsys: pytest.CaptureFixture[str]) -> None:
    """A region's tariff has a source and a date as a rent has; carbon names its own."""
    words = [*COMMANDS["cost"], "--purchase-usd", "2000", "--region", "US New York"]
    tariff = as_json(capsys, *words)["price"]["electricity"]
    assert (tariff["usd_per_kwh"], tariff["region"], tariff["as_of"]) == (0.1914, "US New York", "2025-04")
    assert tariff["stale"] is (tariff["age_days"] > 90)
    assert "EIA" in tariff["source"]
    assert main(words) == 0
    assert "electricity of US New York, 2025-04 (" in capsys.readouterr().out
    assert "electricity" not in as_json(capsys, *words, "--electricity-usd-per-kwh", "0.15")["price"]
    assert "Ember" in as_json(capsys, *COMMANDS["cost"], "--region", "France")["gco2e_source"]


def test_any_models_on_any_gpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of models; one that is not understood is a cell of its own."""
    odd = tmp_path / "odd.json"
    odd.write_text(json.dumps({"architectures": ["NobodyKnowsForCausalLM"], "model_type": "nobody"}))
    file = tmp_path / "models.txt"
    file.write_text(f"# ours\n{CONFIG}\nodd.json  # new\nLlama 3.1 8B\n")
    found = as_json(capsys, "matrix", "--models", str(file), "--gpus", "L40S:2", "--quantizations", "own,q4")
    verdicts = {(cell["model"], cell["quantization"]): cell["verdict"] for cell in found["cells"]}
    assert verdicts["Qwen__Qwen3-30B-A3B", "as published"] == "fits"
    assert verdicts["odd.json", "Q4"] == "unknown"
    fp8 = str(CONFIG).replace("30B-A3B", "32B-FP8")
    assert "tight" not in str(as_json(capsys, "matrix", "--model", fp8, "--quantizations", "q4", code=3))
    assert main(["matrix", "--model", str(odd)]) == 3
    assert main(["estimate", str(odd), "--gpu", "RTX 4090"]) == 3


def test_exit_codes_are_those_of_check(capsys: pytest.CaptureFixture[str]) -> None:
    """1 where the model does not fit."""
    refused = ("estimate", "Llama 3.3 70B", "--gpu", "RTX 4090")
    assert main(refused) == 1
    assert "does not fit" in capsys.readouterr().out
    answer = as_json(capsys, *refused, code=1)
    assert (answer["schema"], answer["verdict"], answer["reason"]) == (
        "costmeter.estimate/1",
        "refused",
        "weights",
    )
    found = as_json(
        capsys, "cost", "--gpu", "RTX 4090", "--model", "Llama 3.3 70B", "--quantization", "q4", code=1
    )
    assert found["fit"]["verdict"] == "refused"


def test_an_api_is_compared_for_tokens_really_served(capsys: pytest.CaptureFixture[str]) -> None:
    """Tokens and bill of a server, or of a GPU held for hours."""
    words = (
        "compare",
        "--against",
        "api",
        "--api-model",
        "Llama 3.1 8B Instruct",
        "--api-provider",
        "deepinfra",
    )
    with serving(PAGE) as url:
        found = as_json(capsys, *words, "--from-metrics", url)
    (api,) = found["apis"]
    assert (found["own_usd"], api["usd"], api["own_saving_ratio"]) == (0.02, 0.08, 0.75)
    held = as_json(capsys, *words, "--tokens", "1000000,0,1000000", "--gpu", "RTX 4090", "--hours", "2")
    assert held["own_usd"] == 1.1


@pytest.mark.heavy  # matplotlib takes two seconds
@pytest.mark.parametrize("ending", ["svg", "png"])
def test_a_comparison_is_drawn(tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Both panels, the break-even marked, and the same file for the same question."""
    required_module("matplotlib")
    file, again = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    for each in (file, again):
        assert main([*COMMANDS["compare"], "--plot", str(each)]) == 0
    assert file.read_bytes() == again.read_bytes()
    if ending == "svg":
        assert ElementTree.parse(file).getroot().tag.endswith("svg")
    else:
        assert file.read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()


def test_an_update_is_shown_before_it_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --yes and without a terminal nothing is written; afterwards nothing differs."""
    file = tmp_path / "mine.toml"
    words = ["prices", "update", "--from", "skypilot", str(FEEDS / "lambda" / "vms.csv"), "--to", str(file)]
    assert main(words) == 0
    assert "nothing written" in capsys.readouterr().out
    assert not file.exists()
    assert main([*words, "--yes"]) == 0
    assert "+  H100 SXM lambda on-demand 8x" in capsys.readouterr().out
    found = as_json(capsys, *words)
    assert (found["schema"], found["changes"], found["written"]) == ("costmeter.prices-update/1", [], False)
