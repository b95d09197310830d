"""The exchange between GPUs."""

from __future__ import annotations

import csv
import statistics
from pathlib import Path

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.serving.links import LINKS, link_named, link_of
from vllm_costmeter.sources.catalogue.load import find_gpu

TIMINGS = Path(__file__).parents[2] / "data" / "throughput" / "all_reduce.csv"
TIMED = {
    "A100 80GB SXM": "nvlink3",
    "H100 SXM": "nvlink4",
    "H200 SXM": "nvlink4",
    "B200 SXM": "nvlink5",
    "B300 SXM": "nvlink5",
    "L40S": "pcie4",
    "RTX PRO 6000 Blackwell Server": "pcie5",
}
SERVING_BYTES = range(16 << 10, 64 << 20)
"""One token to a full batch of prompt tokens, by the size of a hidden state."""


@pytest.mark.parametrize(("gpu", "link"), TIMED.items())
def test_a_link_takes_as_long_as_was_timed(gpu: str, link: str) -> None:
    """Within a quarter in the median, over the messages that serving sends."""
    errors = [
        LINKS[link].all_reduce_seconds(float(row["message_bytes"]), int(row["gpus"])) / float(row["seconds"])
        - 1
        for row in csv.DictReader(TIMINGS.open())
        if row["gpu"] == gpu and int(row["message_bytes"]) in SERVING_BYTES
    ]
    assert len(errors) >= 20
    assert statistics.median(map(abs, errors)) < 0.25


@pytest.mark.parametrize(
    ("gpu", "link"),
    [
        ("RTX 4090", "pcie4-host"),
        ("RTX 5090", "pcie5-host"),
        ("L40S", "pcie4"),
        ("RTX PRO 6000", "pcie5"),
        ("A100 80GB SXM", "nvlink3"),
        ("A100 80GB PCIe", "pcie4"),
        ("H100 SXM", "nvlink4"),
        ("B200 SXM", "nvlink5"),
        ("V100 16GB", "nvlink2"),
        ("T4", "pcie3"),
    ],
)
def test_the_catalogue_says_what_joins_gpus(gpu: str, link: str) -> None:
    """By NVLink's rate, PCIe's generation, and whether the driver allows peer to peer."""
    assert link_of(find_gpu(gpu)).name == link


def test_a_bridge_joins_two_boards() -> None:
    """Four H100 NVL exchange over PCIe, four H100 SXM over NVLink."""
    assert [link_of(find_gpu("H100 NVL"), gpus).name for gpus in (2, 4)] == ["nvlink3", "pcie5"]
    assert [link_of(find_gpu("H100 SXM"), gpus).name for gpus in (2, 4)] == ["nvlink4", "nvlink4"]


def test_fewer_lanes_are_slower() -> None:
    """Of two GPUs of one generation, the one with eight lanes."""
    wide, narrow = link_of(find_gpu("RTX 4070")), link_of(find_gpu("RTX 4060"))
    assert "x8" in narrow.words
    assert narrow.all_reduce_seconds(1e6, 2) > 1.8 * (wide.all_reduce_seconds(1e6, 2) - 20e-6)


def test_one_gpu_exchanges_nothing() -> None:
    """On any link."""
    assert {link.all_reduce_seconds(1e6, 1) for link in LINKS.values()} == {0.0}


def test_an_unknown_link_is_named_with_those_known() -> None:
    """One line."""
    with pytest.raises(BadInputError, match="pcie4-host"):
        link_named("nvlink9")
