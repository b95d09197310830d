"""The shape that training is counted from."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.finetuning.shape import Shape, shape_of
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.models.packaged_configs import model_in, packaged_config


def packaged(repository: str) -> Model:
    """The model of the packaged config.json."""
    files = packaged_config(repository)
    assert files is not None
    return model_in(files)


def test_a_dense_decoder_has_the_shape_of_its_config() -> None:
    """Tied, with grouped keys."""
    found = shape_of(packaged("meta-llama/Llama-3.2-3B-Instruct"))
    assert found == Shape(28, 3072, 24, 8, 128, 8192, 128256, tied=True)


@pytest.mark.parametrize(
    ("repository", "error", "says"),
    [
        ("openai/gpt-oss-20b", BadInputError, "quantized already"),
        ("Qwen/Qwen3-30B-A3B", NotUnderstoodError, "experts"),
        ("google/gemma-3-12b-it", NotUnderstoodError, "tower"),
        ("nvidia/Llama-3_3-Nemotron-Super-49B-v1", NotUnderstoodError, "layers"),
    ],
)
def test_what_is_no_plain_decoder_is_not_guessed(repository: str, error: type[Exception], says: str) -> None:
    """Experts, towers, quantized weights, and blocks that differ from each other."""
    with pytest.raises(error, match=says):
        shape_of(packaged(repository))
