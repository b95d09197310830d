"""OpenCost's names for the meter's numbers, tried by promtool."""

from __future__ import annotations

from pathlib import Path

import yaml
from promtool import promtool

from vllm_costmeter.cli.main import main
from vllm_costmeter.outputs.rules.files import rule_files
from vllm_costmeter.outputs.rules.limits import Limits

POD = 'namespace="ai", pod="vllm-1", container="vllm", node="n1", instance="vllm-1"'
TWO_GPUS_AT_2_50 = [
    {"series": f'costmeter_gpu_seconds_total{{{POD}, state="active"}}', "values": "0+30x40"},
    {"series": f'costmeter_gpu_seconds_total{{{POD}, state="idle"}}', "values": "0+90x40"},
    {"series": f'costmeter_cost_usd_total{{{POD}, state="active"}}', "values": f"0+{30 * 2.5 / 3600}x40"},
    {"series": f'costmeter_cost_usd_total{{{POD}, state="idle"}}', "values": f"0+{90 * 2.5 / 3600}x40"},
    {
        "series": 'costmeter_gpu_seconds_total{job="b", node="n2", instance="b", state="active"}',
        "values": "0+60x40",
    },
    {
        "series": 'costmeter_cost_usd_total{job="b", node="n2", instance="b", state="active"}',
        "values": "0+0.05x40",
    },
    {
        "series": 'costmeter_gpu_seconds_total{job="c", node="n2", instance="b", state="active"}',
        "values": "0+60x40",
    },
]
"""A minute has 120 GPU seconds. On n2 one GPU at 3 dollars an hour, and one that has no price."""
EXPECTED = {
    'container_gpu_allocation{pod!=""}': (f"container_gpu_allocation{{{POD}}}", 2),
    'round(node_gpu_hourly_cost{node="n2"}, 1e-6)': ('{node="n2", instance="b"}', 3),
    'round(node_gpu_hourly_cost{node="n1"}, 1e-6)': ('{node="n1", instance="vllm-1"}', 2.5),
    'round(sum(container_gpu_allocation{pod!=""} * on (instance) group_left () node_gpu_hourly_cost), 1e-6)': (
        "{}",
        5,
    ),
}
"""Question -> labels and value; the last is how OpenCost's own queries join the two."""


def test_the_names_mean_what_opencost_means_by_them(tmp_path: Path) -> None:
    """Two GPUs at 2.50 dollars an hour: two allocated, 2.50 for each, 5 for the container."""
    assert main(["rules", str(tmp_path), "--opencost-names"]) == 0
    asked = [
        {"eval_time": "30m", "expr": question, "exp_samples": [{"labels": labels, "value": value}]}
        for question, (labels, value) in EXPECTED.items()
    ]
    test = {
        "rule_files": ["costmeter-recording.yml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": TWO_GPUS_AT_2_50, "promql_expr_test": asked}],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    promtool("test", "rules", "test.yml", folder=tmp_path)


def test_nobody_gets_them_without_asking() -> None:
    """Where OpenCost runs, a second series of its name would be counted twice."""
    assert not any("node_gpu_hourly_cost" in text for text in rule_files(Limits()).values())
    assert any("node_gpu_hourly_cost" in text for text in rule_files(Limits(), opencost_names=True).values())
