"""`costmeter gate` on recorded and simulated results."""

from __future__ import annotations

import csv
import io
import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from load_tests import PERCENT, fault, gate, result, write

from vllm_costmeter.cli.main import main

RECORDED = Path(__file__).parents[2] / "data" / "bench_results"


def rates(middle: float, noise: float, runs: int, chance: random.Random) -> list[dict[str, Any]]:
    return [result(middle * (1 + noise * chance.gauss(0, 1))) for _ in range(runs)]


def test_100_simulated_comparisons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Five runs on each side, 0.5 % noise: a cost 5 % higher is found in 95 of 100, and 99 of 100 equal ones pass."""
    chance = random.Random(15)
    for slower, code, at_least in ((1.05, 1, 95), (1.0, 0, 99)):
        found: Counter[int] = Counter()
        for _ in range(100):
            before = write(tmp_path / "main.json", *rates(2500, 0.005, 5, chance))
            after = write(tmp_path / "current.json", *rates(2500 / slower, 0.005, 5, chance))
            found[main(["gate", "--baseline", before, after, PERCENT, "+3%"])] += 1
        capsys.readouterr()
        assert found[code] >= at_least, found


@pytest.mark.parametrize(
    ("tool", "baseline", "current"),
    [
        ("vllm_bench_serve", ["run-1.json", "run-2.json"], ["run-3.json", "run-4.json", "run-5.json"]),
        ("guidellm", ["run-1.json"], ["run-2.json", "run-3.json"]),
        (
            "inference_perf",
            ["run-1_stage_0_lifecycle_metrics.json"],
            ["run-2_stage_0_lifecycle_metrics.json"],
        ),
    ],
)
def test_runs_of_one_noisy_machine_are_undecided(
    tool: str, baseline: Sequence[str], current: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Recorded by each tool against the same server: nothing changed, and the noise is too large or unknown."""
    before = [word for name in baseline for word in ("--baseline", str(RECORDED / tool / name))]
    after = [word for name in current for word in ("--current", str(RECORDED / tool / name))]
    code, answer = gate(capsys, *before, *after, PERCENT, "+3%")
    assert code == 3
    assert answer["verdict"] == "undecided"
    (load,) = answer["loads"]
    assert load["reason"] == ("too_noisy" if len(baseline) > 1 else "too_few_runs")
    assert (load["baseline"]["runs"], load["current"]["runs"]) == (len(baseline), len(current))


def test_quoted_patterns_name_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """As a shell would expand them."""
    folder = RECORDED / "vllm_bench_serve"
    words = ("--baseline", str(folder / "run-[12].json"), str(folder / "run-[3-5].json"), PERCENT, "+60%")
    code, answer = gate(capsys, *words)
    assert (code, answer["verdict"]) == (0, "within")
    assert answer["loads"][0]["current"]["runs"] == 3


def test_a_price_turns_rates_into_dollars(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """USD per million = USD per hour / (tokens per second x 3600) x 1e6; the change is the same without a price."""
    before = write(tmp_path / "a.json", result(1000), result(1001), result(1002))
    after = write(tmp_path / "b.json", result(900), result(901), result(902))
    code, bare = gate(capsys, "--baseline", before, after, PERCENT, "+3%")
    assert code == 1
    assert "usd_per_million_tokens" not in bare["loads"][0]["current"]
    assert "price" not in bare
    for price in (("--gpu", "RTX 4090", "--gpu-hourly-usd", "3.6"), ("--node-hourly-usd", "3.6")):
        code, priced = gate(capsys, "--baseline", before, after, PERCENT, "+3%", *price)
        assert code == 1
        assert priced["loads"][0]["current"]["usd_per_million_tokens"] == pytest.approx(1 / 0.901, rel=2e-3)
        assert priced["loads"][0]["change_ratio"] == pytest.approx(bare["loads"][0]["change_ratio"])
    assert priced["price"]["current"]["source"] == "flag --node-hourly-usd"


def test_a_limit_in_dollars_needs_no_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """1 USD per million at 1,000 tokens per second and 3.6 USD per hour."""
    after = write(tmp_path / "b.json", result(999), result(1000), result(1001))
    price = ("--gpu-hourly-usd", "3.6")
    for limit, code in (("1.05", 0), ("0.95", 1), ("1", 3)):
        assert gate(capsys, after, PERCENT, limit, *price)[0] == code
    assert "price" in fault(capsys, after, PERCENT, "1")
    assert "no --baseline" in fault(capsys, after, PERCENT, "1", "--baseline", after, *price)


def test_other_gpus_have_their_own_price(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One GPU at half the rate of two costs the same per token."""
    before = write(tmp_path / "a.json", result(2000), result(2002), result(2001))
    after = write(tmp_path / "b.json", result(1000), result(1001.1), result(1000.3))
    words = ("--baseline", before, after, PERCENT, "+3%", "--gpu", "H100 SXM", "--gpu-hourly-usd", "2")
    assert gate(capsys, *words)[0] == 1
    code, answer = gate(capsys, *words, "--baseline-gpu", "2x H100 SXM")
    assert code == 0
    assert answer["loads"][0]["change_ratio"] == pytest.approx(0, abs=1e-3)


def test_each_load_of_a_report_is_compared_with_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One load past the limit is enough, and is named; --load chooses one."""

    def runs(name: str, fast: float, slow: float) -> str:
        found = [result(fast + n, max_concurrency=64) for n in range(3)]
        return write(tmp_path / name, *found, *(result(slow + n, max_concurrency=8) for n in range(3)))

    before, after = runs("a.json", 2000, 500), runs("b.json", 2000.5, 400.5)
    code, answer = gate(capsys, "--baseline", before, after, PERCENT, "+3%")
    assert code == 1
    assert "max concurrency 8" in answer["message"]
    assert [load["verdict"] for load in answer["loads"]] == ["within", "past"]
    assert gate(capsys, "--baseline", before, after, PERCENT, "+3%", "--load", "concurrency 64")[0] == 0
    assert "matches none" in fault(capsys, "--baseline", before, after, PERCENT, "+3%", "--load", "sweep")


def test_other_models_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gate may compare a model with its quantized form, and says so."""
    before = write(tmp_path / "a.json", *(result(1000 + n) for n in range(3)))
    after = write(tmp_path / "b.json", *(result(1500 + n, model_id="org/model-FP8") for n in range(3)))
    assert main(["gate", "--baseline", before, after, PERCENT, "+3%"]) == 0
    assert "the models differ: org/model and now org/model-FP8" in capsys.readouterr().out


def test_single_runs_need_a_known_noise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The example of the help: undecided, and decided once the noise is stated."""
    before = write(tmp_path / "a.json", result(1000))
    after = write(tmp_path / "b.json", result(900))
    words = ("--baseline", before, after, PERCENT, "+3%")
    code, answer = gate(capsys, *words)
    assert (code, answer["loads"][0]["reason"]) == (3, "too_few_runs")
    assert gate(capsys, *words, "--noise", "1%")[0] == 1


def test_the_table_has_a_row_for_each_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text, Markdown and CSV of one comparison."""
    before = write(tmp_path / "a.json", result(1000), result(1010))
    after = write(tmp_path / "b.json", result(1005), result(1015))
    words = [
        "gate",
        "--baseline",
        before,
        after,
        PERCENT,
        "+10%",
        "--gpu",
        "RTX 4090",
        "--gpu-hourly-usd",
        "0.5",
    ]
    assert main(words) == 0
    text = capsys.readouterr().out.splitlines()
    assert text[0] == "within the limit of +10 % (99 % confidence): cost per million generated tokens -0.5 %"
    assert re.split(r"  +", text[1]) == [
        "load",
        "side",
        "runs",
        "generated tokens/s",
        "noise",
        "USD/M",
        "change",
        "at least",
        "at most",
        "verdict",
    ]
    assert "baseline" in text[2]
    assert text[3].endswith("within")
    assert main([*words, "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("### within the limit of +10 %")
    assert main([*words, "--format", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["verdict"] == "within"
    assert float(row["baseline.tokens_per_second"]) == pytest.approx(1005, rel=1e-3)
