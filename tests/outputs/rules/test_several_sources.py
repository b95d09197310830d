"""Rules of several sources in one Prometheus: the plugin's servers, and engines by their own metrics."""

from __future__ import annotations

import json
from pathlib import Path

from promtool import promtool

from vllm_costmeter.cli.main import main

SGLANG = 'job="sglang", instance="s:30000", model_name="llama", tp_rank="0"'
PLUGIN = 'job="vllm", instance="v{at}:8000", model_name="llama"'
SERIES = {
    f"sglang:num_running_reqs{{{SGLANG}}}": "1x150",
    f"sglang:prompt_tokens_total{{{SGLANG}}}": "0+6000x150",
    f"sglang:cached_tokens_total{{{SGLANG}}}": "0+0x150",
    f"sglang:generation_tokens_total{{{SGLANG}}}": "0+3000x150",
} | {
    series.replace("AT", PLUGIN.format(at=at)): values
    for at in (1, 2)
    for series, values in {
        'costmeter_gpu_seconds_total{AT, state="active"}': "0+60x150",
        'costmeter_cost_usd_total{AT, state="active", component="rental"}': f"0+{4 / 60}x150",
        'costmeter_tokens_total{AT, kind="prompt_computed"}': "0+6000x150",
        'costmeter_tokens_total{AT, kind="prompt_cached"}': "0+0x150",
        'costmeter_tokens_total{AT, kind="generated"}': "0+3000x150",
        "vllm:num_requests_running{AT}": "1x150",
        "vllm:prompt_tokens_total{AT}": "0+6000x150",
        "vllm:prompt_tokens_cached_total{AT}": "0+0x150",
        "vllm:generation_tokens_total{AT}": "0+3000x150",
    }.items()
}
"""Two vLLM servers with the plugin and one SGLang server, at 4 dollars an hour and 9000 tokens a minute each."""
EXPECTED: dict[str, tuple[str, float] | None] = {
    "round(model_name:costmeter_cost_usd:rate5m * 3600, 0.01)": ('{model_name="llama"}', 12),
    "round(fleet:costmeter_cost_usd:rate1h * 3600, 0.01)": ("{}", 12),
    "round(fleet:costmeter_cost_usd:increase1h, 0.1)": ("{}", 12),
    "round(fleet:costmeter_tokens:rate1h * 60)": ("{}", 27000),
    'round(fleet:costmeter_usd_per_million_tokens:rate1h{per="all"}, 0.1)': ('{per="all"}', 7.4),
    "round(fleet:costmeter_cost_usd:rate1d * 86400 / 2, 0.1)": ("{}", 12),
    "round(sum(last_over_time(cluster_model_name_state:costmeter_cost_usd:increase30d[2h])) / 12)": ("{}", 2),
    'round(sum(cluster_model_name_state:costmeter_cost_usd:rate5m{engine="sglang"}) * 3600, 0.01)': ("{}", 4),
    'count(cluster_model_name_kind:costmeter_priced_tokens:rate5m{engine!=""})': ("{}", 3),
    'count(cluster_model_name_state:costmeter_cost_usd:rate5m{engine="vllm"})': None,
    'count(ALERTS{alertname="CostMeterDearerThanApi"})': ("{}", 1),
}
"""Question after two hours -> labels and value: 24 dollars were spent."""


def test_a_model_of_two_engines_costs_their_sum_and_no_server_counts_twice(tmp_path: Path) -> None:
    """Dollars by model and fleet, in budgets' windows too, and $/M of both; `--engine vllm` leaves out the plugin's
    servers, whose page has vLLM's metrics as well."""
    assert main(["rules", str(tmp_path)]) == 0
    for engine in ("sglang", "vllm"):
        assert main(["rules", str(tmp_path), "--engine", engine, "--gpu-hourly-usd", "4"]) == 0
    questions = [
        {
            "eval_time": "2h",
            "expr": expression,
            "exp_samples": [] if found is None else [{"labels": found[0], "value": found[1]}],
        }
        for expression, found in EXPECTED.items()
    ]
    meter = ("rules", "5m", "1h", "budget", "month", "evidence", "money", "trust")
    of_engine = ("rules", "servers", *meter[1:5])
    engines = [f"{engine}_{group}" for engine in ("sglang", "vllm") for group in of_engine]
    test = {
        "rule_files": sorted(path.name for path in tmp_path.glob("*.yml")),
        "evaluation_interval": "1m",
        "group_eval_order": [f"costmeter_{group}" for group in ("rules", *engines, *meter[1:])],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in SERIES.items()],
                "promql_expr_test": questions,
            }
        ],
    }
    (tmp_path / "test.json").write_text(json.dumps(test))
    promtool("test", "rules", tmp_path / "test.json")
