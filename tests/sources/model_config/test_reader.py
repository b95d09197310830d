"""Numbers of a config.json are bounded at the door."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.model_config import model_from_config
from vllm_costmeter.sources.model_config.reader import ConfigReader


@pytest.mark.parametrize("value", [1e16, 10**400, -1e308, float("inf"), float("nan"), "2.0", True, [1.0]])
def test_a_factor_that_cannot_be_meant_is_one_line(value: object) -> None:
    """1e308 times a context length would overflow; the message names the key."""
    with pytest.raises(BadInputError, match=r"config\.json: factor must be"):
        ConfigReader({"factor": value}).float("factor", default=1.0)


def test_a_rope_base_of_any_published_size_is_read() -> None:
    """The largest published ones are about 1e11."""
    assert ConfigReader({"rope_theta": 1e11}).float("rope_theta", default=1.0) == 1e11


def test_sizes_whose_product_cannot_be_meant_are_one_line() -> None:
    """Each of them could be; no float would hold the bytes of all."""
    folder = Path(__file__).parents[2] / "data" / "models" / "meta-llama__Meta-Llama-3.1-8B"
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_size": 1 << 40, "intermediate_size": 1 << 40, "num_hidden_layers": 100}
    with pytest.raises(BadInputError, match=r"more than 10+ parameters, which no model has"):
        model_from_config(config, "config.json")
