"""Sizes without an oracle: our rules count the parameters that the published checkpoints' own headers state."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.models.packaged_configs import model_in, packaged_config

FILE = Path(__file__).parents[2] / "data" / "published_parameters.csv"
ROWS = list(csv.DictReader(FILE.read_text().splitlines()))
MOST_ERROR = 0.005


def stored(model: Model, also: str) -> int:
    """Parameters that its files hold: what vLLM loads, and what they also store and vLLM leaves out or shares."""
    total = model.parameters
    assert total is not None
    if also == "tied head":
        return total + model.sizes.vocab_size * model.sizes.hidden_size
    if also.startswith("prediction layers"):
        assert model.prediction is not None
        weights = model.prediction.weights
        assert isinstance(weights, Weights)
        shared = 0 if also.endswith("tables") else weights.tables(with_embedding=True).parameters
        return total + weights.parameters - shared
    return total


@pytest.mark.parametrize("row", ROWS, ids=[row["model"] for row in ROWS])
def test_the_parameters_are_those_of_the_published_files(row: dict[str, str]) -> None:
    """Within 0.5 %, of files in 16 bits and of the unquantized original of quantized ones."""
    found = packaged_config(row["model"])
    assert found is not None
    ours, theirs = stored(model_in(found), row["also_stored"]), int(row["parameters"])
    assert abs(ours / theirs - 1) <= MOST_ERROR, f"{ours:,} for {theirs:,}"
    assert row["source"]
    assert row["read"].startswith("2026-")
