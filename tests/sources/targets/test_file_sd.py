"""Targets from a file in Prometheus's format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.targets.file_sd import OF_A_TARGET, TargetFile, targets_of
from vllm_costmeter.sources.targets.target import Target

GROUPS = [
    {
        "targets": ["10.0.0.1:8000", "10.0.0.2:8000"],
        "labels": {
            "cluster": "eu",
            "__scheme__": "https",
            "__metrics_path__": "/prometheus/metrics",
            "__costmeter_gpus": "8",
            "__costmeter_gpu_hourly_usd": "2.5",
            "__costmeter_model_name": "big",
            "__meta_datacenter": "x",
        },
    },
    {"targets": ["http://h:1/metrics"]},
]
YAML = """\
- targets: [10.0.0.1:8000]
  labels:
    cluster: eu
- targets: ['h:1']
"""


def test_prometheus_own_labels_and_ours_are_understood() -> None:
    """Scheme and path, GPUs, price and name; what begins with __ is on no series."""
    first, second, third = targets_of(json.dumps(GROUPS), "t.json")
    assert first == Target(
        "https://10.0.0.1:8000/prometheus/metrics",
        gpus=8,
        settings=(("gpu_hourly_usd", "2.5"),),
        labels=(("cluster", "eu"),),
        model_name="big",
    )
    assert second.instance == "10.0.0.2:8000"
    assert third == Target("http://h:1/metrics")


def test_yaml_is_read_too() -> None:
    """As Prometheus does."""
    assert [target.url for target in targets_of(YAML, "t.yml")] == [
        "http://10.0.0.1:8000/metrics",
        "http://h:1/metrics",
    ]


def test_a_changed_file_is_read_again_and_a_missing_one_said(tmp_path: Path) -> None:
    """Only when it changed."""
    path = tmp_path / "t.json"
    path.write_text("[]")
    discovery = TargetFile(path)
    assert discovery() == []
    path.write_text(json.dumps(GROUPS))
    assert len(discovery()) == 3
    assert discovery() is discovery()
    path.unlink()
    with pytest.raises(BadInputError, match="does not exist"):
        discovery()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("{}", "must be a list"),
        ('["h:1"]', "group 1 must have targets"),
        ('[{"targets": "h:1"}]', "group 1 must have targets"),
        ('[{"targets": [1]}]', "must be HOST:PORT"),
        ('[{"targets": ["h:x"]}]', "group 1 must be the address"),
        ('[{"targets": ["h:1"], "labels": {"a": 1}}]', "names to texts"),
        ('[{"targets": ["h:1", "h:1"]}]', "one server twice"),
        ('[{"targets": ["h:1"], "labels": {"model_name": "m"}}]', "a meaning of its own"),
        ('[{"targets": ["h:1"], "labels": {"__costmeter_gpu_hourly": "1"}}]', "nearest: gpu_hourly_usd"),
        ('[{"targets": ["h:1"], "labels": {"__costmeter_gpu_hourly_usd": "free"}}]', "a number above 0"),
        ('[{"targets": ["h:1"], "labels": {"__costmeter_ledger": "x"}}]', "not a setting of one target"),
        ('[{"targets": ["h:1"], "labels": {"__costmeter_otlp": "off"}}]', "not a setting of one target"),
        ('[{"targets": ["h:1"], "labels": {"__costmeter_page": "off"}}]', "not a setting of one target"),
        ('[{"targets": ["h:1"], "labels": {"__costmeter_gpus": "0"}}]', "whole number of GPUs"),
    ],
)
def test_a_file_that_is_not_understood_is_refused(text: str, said: str) -> None:
    """One line with the place."""
    with pytest.raises(BadInputError, match=said) as caught:
        targets_of(text, "t.json")
    assert str(caught.value).startswith("t.json") or "twice" in said


def test_each_setting_of_a_target_is_one_that_its_meter_reads() -> None:
    """A new setting is decided about: one that a target may have and nobody reads would be ignored silently."""
    assert set(OF_A_TARGET) == {
        *("gpu_hourly_usd", "node_hourly_usd", "gpu", "gpu_share", "mig_share"),
        *("purchase_usd", "lifetime_years", "residual_usd", "electricity_usd_per_kwh", "electricity_tariff"),
        *("pue", "overhead_usd_per_month", "carbon_gco2e_per_kwh", "api_provider", "api_model"),
    }
