"""Towers whose sizes a config.json does not hold, or holds in a form that vLLM refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.sources.model_config import model_from_config

_LINES = Path(__file__).parents[2] / "data" / "families_vllm_0.32.jsonl"
_CONFIGS = {line["name"]: line["config"] for line in map(json.loads, _LINES.read_text().splitlines())}


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("bee", {"vision_config": {"model_type": "clip_vision_model"}}),
        ("deepseek-vl2-plain", {"projector_config": {"projector_type": "identity"}}),
        ("granite4-vision", {"downsample_rate": "half"}),
        ("granite4-vision", {"deepstack_layer_map": []}),
        ("kanana-v", {"projector_config": None, "model_type": "kanana"}),
        ("bagel", {"vit_config": None, "model_type": "unheard-of"}),
    ],
)
def test_a_tower_of_another_shape_is_not_guessed(name: str, changed: dict[str, Any]) -> None:
    """The verdict is `unknown`, not a number for another tower."""
    with pytest.raises(NotUnderstoodError):
        model_from_config(_CONFIGS[name] | changed, name)


@pytest.mark.parametrize(
    ("name", "section", "changed"),
    [
        ("aria", None, {"projector_patch_to_query_dict": {"196": "many"}}),
        ("cosmos3-edge", "text_config", {"layers_block_type": ["mamba", "mlp"]}),
    ],
)
def test_what_vllm_refuses_of_a_tower_or_its_decoder_is_bad_input(
    name: str, section: str | None, changed: dict[str, Any]
) -> None:
    """One line that names the key."""
    config = dict(_CONFIGS[name])
    values = changed if section is None else {section: config[section] | changed}
    with pytest.raises(BadInputError, match=next(iter(changed))):
        model_from_config(config | values, name)


def test_bagel_that_does_not_understand_images_has_no_tower() -> None:
    """vLLM builds neither the tower nor its connector, and generates no image."""
    seen, blind = (
        model_from_config(_CONFIGS["bagel"] | {"visual_und": understands}, "bagel").parameters or 0
        for understands in (True, False)
    )
    assert 0 < blind < seen
