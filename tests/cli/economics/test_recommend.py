"""`costmeter recommend`: rows that start, in the right order, and what it refuses."""

from __future__ import annotations

import json
import shlex
import statistics
from pathlib import Path
from typing import Any

import pytest

from scripts.accuracy import scheduler_simulation
from vllm_costmeter.cli.main import main
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.core.serving.placement import placed
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.models.packaged import named_model

LLAMA = ["Llama 3.3 70B", "--prompt-tokens", "2000", "--output-tokens", "500"]
SMALL = ["Llama 3.1 8B", "--prompt-tokens", "800", "--output-tokens", "200"]
GOALS = ["--ttft", "1s@p95", "--tpot", "50ms@p95"]


def asked(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """The JSON answer."""
    assert main(["recommend", *words, "--format", "json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["schema"] == "costmeter.recommend/1"
    return found


def checked(row: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    """The verdict of `costmeter check -- COMMAND` on the row's GPUs."""
    gpu = f"{row['gpus_per_server']}x {row['gpu']}"
    assert main(["check", "--gpu", gpu, "--format", "json", "--", *shlex.split(row["command"])]) == 0
    verdict: str = json.loads(capsys.readouterr().out)["verdict"]
    return verdict


@pytest.mark.parametrize(
    "words",
    [
        [*LLAMA, "--rate", "20/s", *GOALS],
        [*LLAMA, "--rate", "2/s", "--quantizations", "awq"],
        ["openai/gpt-oss-120b", "--rate", "20/s", "--prompt-tokens", "2000", "--output-tokens", "500"],
        ["deepseek-ai/DeepSeek-R1", "--rate", "5/s", "--prompt-tokens", "1000", "--output-tokens", "1000"],
        [
            *SMALL,
            "--rate",
            "5/s",
            "--speculative-config",
            '{"method": "ngram", "num_speculative_tokens": 3, "prompt_lookup_max": 4}',
            "--accepted-tokens",
            "0.8",
        ],
    ],
    ids=["dense", "awq", "experts", "latent", "speculative"],
)
def test_every_row_is_a_command_that_the_check_accepts(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """On the GPUs of one server, with the verdict fits."""
    rows = asked(capsys, *words)["rows"]
    assert rows
    for row in rows:
        layout = row["tensor_parallel_size"] * row["pipeline_parallel_size"] * row["data_parallel_size"]
        assert layout == row["gpus_per_server"]
        assert row["servers"] * row["gpus_per_server"] == row["gpus"]
        assert checked(row, capsys) == "fits"


def test_rows_meet_the_goals_and_cost_more_from_row_to_row(capsys: pytest.CaptureFixture[str]) -> None:
    """And the bill is rent x hours."""
    found = asked(capsys, *LLAMA, "--rate", "20/s", *GOALS)
    rows = found["rows"]
    assert len(rows) == 10
    assert [row["usd_per_month"] for row in rows] == sorted(row["usd_per_month"] for row in rows)
    for row in rows:
        assert row["ttft_seconds"] <= 1
        assert row["tpot_seconds"] <= 0.05
        assert 0 < row["utilisation"] <= 0.85
        assert row["ttft_seconds_range"][0] < row["ttft_seconds"] < row["ttft_seconds_range"][1]
        assert row["usd_per_month"] == pytest.approx(
            row["price"]["usd_per_gpu_hour"] * row["gpus"] * 730, rel=1e-6
        )
        tokens = 20 * 500 * 3600 * 730
        assert row["usd_per_million_tokens"] == pytest.approx(row["usd_per_month"] / tokens * 1e6, rel=1e-4)


def test_the_first_rows_are_the_same_if_all_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The search stops early without missing a cheaper one."""
    words = [*SMALL, "--rate", "40/s", *GOALS]
    few, all_ = (asked(capsys, *words, "--rows", rows)["rows"] for rows in ("3", "400"))
    assert [row["usd_per_month"] for row in few] == [row["usd_per_month"] for row in all_[:3]]
    assert len(all_) > 20


def test_a_simulation_of_the_first_row_meets_the_goals(capsys: pytest.CaptureFixture[str]) -> None:
    """The scheduler, step by step, at the row's own share of the arrivals; TTFT's tail within a quarter."""
    row = asked(capsys, *LLAMA, "--rate", "20/s", *GOALS, "--quantizations", "fp8")["rows"][0]
    layout = ParallelConfig(row["tensor_parallel_size"], row["pipeline_parallel_size"])
    args = EngineArgs(layout=layout, max_model_len=row["max_model_len"], quantization="fp8")
    engine = placed(named_model("Llama 3.3 70B").model, find_gpu(row["gpu"]), args, NEWEST).engine
    scheduler = scheduler_simulation.Engine(
        engine.seconds, batched_tokens=engine.batched_tokens, most_sequences=row["max_num_seqs"]
    )
    engines = row["servers"] * row["data_parallel_size"]
    done = scheduler_simulation.open_loop(scheduler, [(2000, 500)] * 500, 20 / engines, seed=7)
    ended = sorted(done, key=lambda each: each.arrival)[150:450]
    tpot = statistics.quantiles([each.time_per_token for each in ended], n=20)[18]
    ttft = statistics.quantiles([each.first - each.arrival for each in ended], n=20)[18]
    assert tpot <= 0.05 * 1.05
    assert ttft <= 1.25


def test_a_budget_buys_more_load_the_larger_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """And is never exceeded."""
    found = [asked(capsys, *SMALL, "--budget", f"{usd}/month")["rows"] for usd in (1000, 2000, 8000)]
    rates = [rows[0]["requests_per_second"] for rows in found]
    assert rates == sorted(rates)
    for usd, rows in zip((1000, 2000, 8000), found, strict=True):
        assert all(row["usd_per_month"] <= usd for row in rows)
        assert [row["requests_per_second"] for row in rows] == sorted(
            (row["requests_per_second"] for row in rows), reverse=True
        )


def test_cached_prompts_and_spot_prices_cost_less(capsys: pytest.CaptureFixture[str]) -> None:
    """Than the same load without."""
    words = [*LLAMA, "--rate", "20/s", "--gpus", "H100 SXM"]
    usd = [
        asked(capsys, *words, *more)["rows"][0]["usd_per_month"]
        for more in ([], ["--cached-share", "0.6"], ["--spot"])
    ]
    assert usd[1] < usd[0]
    assert usd[2] < usd[0]


def test_a_model_that_no_machine_holds_extends_over_several(capsys: pytest.CaptureFixture[str]) -> None:
    """Tensor parallelism inside each, pipeline stages between them; the check accepts it, and the text says so."""
    words = ["deepseek-ai/DeepSeek-R1", "--rate", "2/s", "--prompt-tokens", "1000", "--output-tokens", "500"]
    row = asked(capsys, *words, "--gpus", "H100 SXM")["rows"][0]
    assert (row["tensor_parallel_size"], row["pipeline_parallel_size"]) == (8, 2)
    assert checked(row, capsys) == "fits"
    assert main(["recommend", *words, "--gpus", "H100 SXM"]) == 0
    assert "several machines" in capsys.readouterr().out


def test_owned_gpus_are_used_up_to_their_number(capsys: pytest.CaptureFixture[str]) -> None:
    """At their own terms, beside rented ones."""
    words = [*SMALL, "--rate", "4/s", "--owned", "2x RTX 4090", "--purchase-usd", "1800"]
    rows = asked(capsys, *words, "--electricity-usd-per-kwh", "0.15")["rows"]
    mine = [row for row in rows if row["owned"]]
    assert mine
    assert all(row["gpus"] <= 2 and row["price"]["basis"] == "owned" for row in mine)
    assert rows[0]["owned"]


def test_owned_gpus_in_no_row_are_told_why(capsys: pytest.CaptureFixture[str]) -> None:
    """Too few for the load, beside rented ones and alone."""
    words = ["recommend", *SMALL, "--rate", "200/s", "--owned", "2x RTX 4090", "--gpus"]
    assert main([*words, "H100 SXM"]) == 0
    said = capsys.readouterr().out
    assert "No row has the owned RTX 4090: " in said
    assert "GPUs; 2 are there (--owned)." in said
    assert main([*words, "H100 SXM", "--rate", "1/s"]) == 0
    assert "No row has" not in capsys.readouterr().out


def test_a_gpu_without_a_price_takes_one(capsys: pytest.CaptureFixture[str]) -> None:
    """B300 SXM@7.50."""
    words = [*SMALL, "--rate", "4/s", "--gpus"]
    assert asked(capsys, *words, "B300 SXM@7.50")["rows"][0]["usd_per_month"] == 7.5 * 730
    assert main(["recommend", *words, "B300 SXM"]) == 2
    assert "B300 SXM@2.50" in capsys.readouterr().err


def test_a_trace_is_the_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CSV of our own columns, and JSON lines of Mooncake's; the busy minute sets the rate."""
    rows = [(second * 0.5, 700 + second % 3, 150) for second in range(2400)]
    ours = tmp_path / "ours.csv"
    ours.write_text(
        "arrival_seconds,prompt_tokens,output_tokens\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows)
    )
    theirs = tmp_path / "theirs.jsonl"
    theirs.write_text(
        "".join(
            json.dumps({"timestamp": a * 1000, "input_length": b, "output_length": c}) + "\n"
            for a, b, c in rows
        )
    )
    first, second = (asked(capsys, "Llama 3.1 8B", "--trace", str(file)) for file in (ours, theirs))
    assert first["load"] == second["load"]
    assert first["load"]["requests_per_second"] == pytest.approx(2, rel=0.01)
    assert first["load"]["prompt_tokens"] == pytest.approx(701)
    assert first["rows"] == second["rows"]


@pytest.mark.parametrize("kind", ["compose", "kubernetes"])
def test_the_first_row_is_written_as_a_file_that_the_check_accepts(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And never over another file."""
    file = tmp_path / "deployment.yaml"
    words = [*SMALL, "--rate", "40/s", "--gpus", "L40S", "--write", kind, str(file)]
    row = asked(capsys, *words)["rows"][0]
    gpu = f"{row['gpus_per_server']}x L40S"
    assert main(["check", "--file", str(file), "--gpu", gpu]) == 0
    capsys.readouterr()
    assert main(["recommend", *words]) == 2
    assert "exists" in capsys.readouterr().err


def test_a_file_holds_a_row_that_vllm_starts_as_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No row that needs an AWQ checkpoint, whose name is not known; which row it is, is said."""
    words = ["recommend", *SMALL, "--rate", "1/s", "--gpus", "RTX 3090", "--write", "compose"]
    assert main([*words, str(tmp_path / "a.yaml")]) == 0
    out = capsys.readouterr().out
    assert "q4" in out
    assert "a.yaml has row 2: those before it need an AWQ checkpoint." in out
    assert "q4" not in (tmp_path / "a.yaml").read_text()
    assert main([*words, str(tmp_path / "b.yaml"), "--quantizations", "awq"]) == 2
    assert "AWQ checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "b.yaml").exists()
