"""Results of load tests as their tools write them, and what is not one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.bench_results.read import bench_runs, one_run

RECORDED = Path(__file__).parents[2] / "data" / "bench_results"
RESULT = {
    "date": "20261122-120000",
    "model_id": "org/model",
    "duration": 30.5,
    "completed": 100,
    "max_concurrency": 64,
    "output_throughput": 2550.0,
    "total_token_throughput": 7000.5,
}


def write(folder: Path, text: str) -> str:
    file = folder / "result.json"
    file.write_text(text)
    return str(file)


def test_a_result_gives_both_rates(tmp_path: Path) -> None:
    """Generated tokens and all tokens per second; the last run of an appended file counts where one is asked for."""
    found = one_run(write(tmp_path, json.dumps(RESULT)))
    assert (found.generated_tokens_per_second, found.total_tokens_per_second) == (2550.0, 7000.5)
    both = json.dumps(RESULT) + "\n" + json.dumps(RESULT | {"output_throughput": 3000.0}) + "\n"
    assert one_run(write(tmp_path, both)).generated_tokens_per_second == 3000.0
    assert [run.place[-5:] for run in bench_runs(write(tmp_path, both))] == ["run 1", "run 2"]


def test_a_list_of_results_is_their_runs(tmp_path: Path) -> None:
    """`vllm bench sweep serve` writes the repeated runs of one combination as one list."""
    runs = bench_runs(write(tmp_path, json.dumps([RESULT, RESULT | {"duration": 31.0, "run_number": 1}])))
    assert [run.seconds for run in runs] == [30.5, 31.0]


def test_what_vllm_recorded_is_read() -> None:
    """A real run: rates, load, requests and their lengths; a request rate is part of the load and offered."""
    (run,) = bench_runs(str(RECORDED / "vllm_bench_serve" / "run-1.json"))
    assert run.load == "64 prompts, max concurrency 8"
    assert (run.completed, run.failed, run.model) == (64, 0, "tiny")
    assert run.generated_tokens_per_second == pytest.approx(4096 / run.seconds)
    assert run.output_tokens_per_request == 64
    assert run.prompt_tokens_per_request == pytest.approx(8253 / 64)
    assert not run.keeps_up
    (slow,) = bench_runs(str(RECORDED / "vllm_bench_serve" / "rate-4.json"))
    assert slow.load == "20 prompts, request rate 4.0"
    assert slow.keeps_up


def test_what_guidellm_recorded_is_read() -> None:
    """A real report: one run per benchmark, each under its own load."""
    (run,) = bench_runs(str(RECORDED / "guidellm" / "run-1.json"))
    assert run.load == "concurrent, 8 streams"
    assert (run.completed, run.failed, run.model, run.output_tokens_per_request) == (64, 0, "tiny", 64)
    assert run.generated_tokens_per_second == pytest.approx(64 * 64 / run.seconds, rel=0.01)
    assert run.total_tokens_per_second == pytest.approx(64 * (64 + 145) / run.seconds, rel=0.01)
    first, second = bench_runs(str(RECORDED / "guidellm" / "sweep.json"))
    assert (first.load, second.load) == ("synchronous", "throughput")
    assert second.failed == 1


def test_an_old_report_of_guidellm_is_read(tmp_path: Path) -> None:
    """Up to 0.3 the strategy stands under `args` and the totals beside the metrics (made from its classes)."""
    means = {"output_tokens_per_second": 100.0, "tokens_per_second": 300.0, "requests_per_second": 1.5}
    benchmark = {
        "args": {"strategy": {"type_": "constant", "rate": 1.5}},
        "worker": {"backend_model": "org/model"},
        "request_totals": {"successful": 30, "errored": 2, "incomplete": 1, "total": 33},
        "metrics": {name: {"total": {"mean": mean}} for name, mean in means.items()},
        "duration": 20.0,
    }
    (run,) = bench_runs(write(tmp_path, json.dumps({"benchmarks": [benchmark]})))
    assert (run.load, run.model) == ("constant, 1.5 requests/s", "org/model")
    assert (run.completed, run.failed) == (30, 2)
    assert run.keeps_up


def test_what_inference_perf_recorded_is_read() -> None:
    """A real stage, whose requested rate is no rate where it has a concurrency; the summary does not name the load."""
    folder = RECORDED / "inference_perf"
    (stage,) = bench_runs(str(folder / "run-1_stage_0_lifecycle_metrics.json"))
    (summary,) = bench_runs(str(folder / "run-1_summary_lifecycle_metrics.json"))
    (rate,) = bench_runs(str(folder / "rate-4_stage_0_lifecycle_metrics.json"))
    assert stage.measured == summary.measured
    assert (stage.load, summary.load, rate.load) == ("concurrency 8", "all stages", "4 requests/s")
    assert (stage.offered_requests_per_second, rate.offered_requests_per_second) == (None, 4.0)
    assert stage.completed == 28
    assert stage.prompt_tokens_per_request == pytest.approx(128)


def test_a_pooling_model_generates_nothing(tmp_path: Path) -> None:
    """vLLM leaves its rate of generated tokens out: all tokens are priced, generated ones cannot be."""
    (run,) = bench_runs(
        write(tmp_path, json.dumps({k: v for k, v in RESULT.items() if k != "output_throughput"}))
    )
    assert run.tokens_per_second("all") == 7000.5
    with pytest.raises(BadInputError, match="--per all"):
        run.tokens_per_second("generated")


def test_several_loads_are_not_one_run() -> None:
    """A report of two loads has no one rate."""
    with pytest.raises(BadInputError, match="2 loads"):
        one_run(str(RECORDED / "guidellm" / "sweep.json"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (json.dumps(RESULT)[:60], "truncated"),
        ("", "truncated"),
        ("hello", "truncated"),
        ("[" * 100_000, "truncated"),
        ("[1, 2]", "not a result"),
        (json.dumps({"elapsed_time": 1, "tokens_per_second": 5}), "vllm bench throughput"),
        (json.dumps({"avg_latency": 1}), "vllm bench latency"),
        (json.dumps({"benchmarks": []}), "without a finished benchmark"),
        (json.dumps({"benchmarks": [{"metrics": {}}]}), "tokens_per_second.total.mean"),
        (json.dumps({"load_summary": {}, "successes": {}}), "total_tokens_per_sec"),
        (json.dumps(RESULT) + "\n" + json.dumps(RESULT)[:40], "truncated"),
        (json.dumps(RESULT | {"output_throughput": 0}), "generated no tokens"),
        (json.dumps(RESULT | {"output_throughput": "fast"}), "above 0"),
        (json.dumps(RESULT | {"output_throughput": 10**400}), "above 0"),
        (json.dumps(RESULT | {"duration": True}), "duration must be a number above 0, got True"),
        (json.dumps(RESULT | {"output_throughput": float("nan")}), "above 0"),
    ],
)
def test_anything_else_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    """Of another tool, cut off, or of a run that made nothing."""
    with pytest.raises(BadInputError, match=said):
        bench_runs(write(tmp_path, text))


def test_a_file_that_is_not_there_is_one_line() -> None:
    """With the path."""
    with pytest.raises(BadInputError, match=r"missing\.json: does not exist"):
        bench_runs("missing.json")
