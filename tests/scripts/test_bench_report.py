"""The page of benchmarks says what was measured."""

from __future__ import annotations

from bench.report import rows_of


def test_every_promised_number_has_a_row() -> None:
    """Record, throughput with its interval, processor time, start, check and a thousand checks."""
    pairs = {"median": -0.002, "confidence": [-0.006, 0.001], "quartiles": [-0.01, 0.008]}
    rows = dict(
        rows_of(
            check={
                "process": {"median_seconds": 0.2, "quartile_seconds": [0.19, 0.22], "heavy_modules": []},
                "thousand": {
                    "seconds": 2.6,
                    "verdict_seconds": 1.6,
                    "configurations": 75,
                    "verdicts": {"fits": 600, "refused": 400},
                },
            },
            record={"seconds_per_call": {"vllm": 3e-4, "costmeter": 7e-6}, "ratio": 0.023},
            start={"seconds": 0.44},
            throughput={
                "tokens_per_second": {"with": [1.0] * 44, "without": [1.0] * 44},
                "server_cpu_seconds_per_request": {"with": [0.08], "without": [0.079]},
                "paired_difference": pairs,
                "paired_cpu_difference": pairs,
            },
        )
    )
    assert rows["throughput with the meter against without it, median of 44 pairs"] == "-0.20%"
    assert rows["95 % confidence interval of that median"] == "-0.60% to +0.10%"
    assert rows["processor time of the server per request, without and with it"] == "79.00 ms, 80.00 ms"
    assert (
        rows["a whole `costmeter check` process on a local config, median (middle half)"]
        == "0.20 s (0.19 to 0.22)"
    )
    assert [value for what, value in rows.items() if what.startswith("1,000 checks")] == ["1.6 s"]
    assert rows["the same with what the command adds: suggestions for the 400 refused"] == "2.6 s"
