"""A model that is not modelled: the facts its config.json states directly, so that the result can name it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import ModelAttention
from vllm_costmeter.core.model.checkpoint_weights import UndividedWeights
from vllm_costmeter.core.model.model import Model, Sizes
from vllm_costmeter.sources.model_config.families.source import Source, architecture_of, text_section
from vllm_costmeter.sources.model_config.model import model_type_of, root_reader, served_dtype
from vllm_costmeter.sources.model_config.quantization.section import facts_of
from vllm_costmeter.sources.model_config.reader import ConfigReader


def unknown_model(values: Mapping[str, Any], name: str, why: str) -> Model:
    """A model whose checks all return `unknown` with `why`. BadInputError if it names no architecture."""
    root = root_reader(values, name)
    text = text_section(root)
    length = _stated(text, "max_position_embeddings")
    section = root.optional_section("quantization_config")
    method = section.raw("quant_method") if section is not None else None
    return Model(
        id=name,
        architecture=architecture_of(root),
        dtype=served_dtype(root, text),
        quantization=method if isinstance(method, str) else None,
        max_model_len=length,
        default_max_model_len=length,
        sizes=Sizes(
            _stated(text, "hidden_size"),
            _stated(text, "vocab_size"),
            _stated(text, "num_hidden_layers"),
            _stated(text, "num_attention_heads"),
            _stated(text, "num_key_value_heads"),
            _stated(text, "head_dim"),
        ),
        attention=ModelAttention((), 0, "bfloat16"),
        weights=UndividedWeights(),
        not_understood=why,
        is_tied=Source(root, text).is_tied(),
        quantization_facts=facts_of(root, text),
        model_type=model_type_of(root),
    )


def _stated(text: ConfigReader, key: str) -> int:
    """A size given as a plain whole number; 0 otherwise, as the meaning in an unknown class is not known."""
    try:
        return text.optional_int(key) or 0
    except BadInputError:
        return 0
