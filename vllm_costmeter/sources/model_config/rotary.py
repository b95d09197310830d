"""Rotary position tables: how many values vLLM's `get_rope` stores for an attention layer (vLLM 0.32,
model_executor/layers/rotary_embedding)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer
from vllm_costmeter.sources.model_config.reader import ConfigReader

_LEGACY_TYPES = {"su": "longrope", "mrope": "default"}  # vLLM's patch_legacy_rope_type, transformers v5
_PLAIN_TYPES = ("default", "proportional", "llama3", "dynamic", "bailing_mrope", "openpangu")
_YARN_TYPES = ("yarn", "deepseek_yarn", "deepseek_llama_scaling")
_VIDEO_POSITIONS = 4  # MRotaryEmbedding.cache_max_position_num of 0.17.0 to 0.31.0, its default in 0.32.0
_NESTED = ("full_attention", "sliding_attention", "chunked_attention")


@dataclass(frozen=True, slots=True)
class RopeParameters:
    """One set of rotary parameters, under one set of names for old and new config.json files."""

    rope_type: str
    factor: float | None
    original_max_position: int | None
    partial_rotary_factor: float
    has_mrope: bool
    identity: str
    """Equal for equal parameters: vLLM stores one table per distinct set."""


def rope_parameters(
    text: ConfigReader, layer_type: str | None = None, default_partial: float = 1.0
) -> RopeParameters:
    """The rotary parameters of a model, or of one layer type if they differ by type (Gemma 3 and 4)."""
    section = text.optional_section("rope_parameters", "rope_scaling")
    if section is not None and layer_type is not None and section.has(*_NESTED):
        section = section.optional_section(layer_type)
    values: Mapping[str, Any] = section.values if section is not None else {}
    reader = section if section is not None else ConfigReader({}, text.name, f"{text.path}rope_parameters.")
    rope_type = reader.optional_str("rope_type", "type") or "default"
    partial = reader.float(
        "partial_rotary_factor",
        default=text.float(
            "partial_rotary_factor", "rotary_pct", "rotary_emb_fraction", default=default_partial
        ),
    )
    if not 0.0 < partial <= 1.0:
        raise BadInputError(f"{text.name}: partial_rotary_factor must lie in (0, 1], got {partial}")
    factor = reader.float("factor", default=1.0) if reader.has("factor") else None
    if factor is not None and factor <= 0:
        raise BadInputError(f"{reader.name}: {reader.path}factor must be above 0, got {factor}")
    return RopeParameters(
        rope_type=_LEGACY_TYPES.get(rope_type, rope_type),
        factor=factor,
        original_max_position=reader.optional_int("original_max_position_embeddings", minimum=1)
        or text.optional_int("original_max_position_embeddings", minimum=1),
        partial_rotary_factor=partial,
        has_mrope=reader.has("mrope_section"),
        identity=repr(sorted((key, repr(value)) for key, value in values.items()))
        + f"{text.raw('rope_theta')}",
    )


def all_rope_parameters(text: ConfigReader) -> tuple[RopeParameters, ...]:
    """Every set of rotary parameters in the config; one per layer type if they are nested."""
    section = text.optional_section("rope_parameters", "rope_scaling")
    if section is not None and section.has(*_NESTED):
        return tuple(rope_parameters(text, kind) for kind in _NESTED if section.has(kind))
    return (rope_parameters(text),)


def rotary_table(
    head_size: int,
    max_position: int,
    parameters: RopeParameters,
    *,
    positions_factor: int = _VIDEO_POSITIONS,
    rotary_dim: int | None = None,
    element_bytes: int | None = None,
    ends_with_context: bool = False,
) -> Buffer:
    """The cosines and sines of every position, shared by all layers with equal arguments.

    `positions_factor`: how much longer the table is with multimodal rotary sections, from 0.32 on (4 for
    video, 1 for models that number positions by token; 4 for all before). `ends_with_context`: the table ends
    at the served context length. NotUnderstoodError for a scaling type that vLLM 0.32 does not list.
    """
    width = int(head_size * parameters.partial_rotary_factor) if rotary_dim is None else rotary_dim
    width += width % 2  # a cosine and a sine for every second dimension, starting with the first
    positions = _positions(max_position, parameters, positions_factor)
    identity = f"{head_size},{width},{max_position},{parameters.identity}"
    return Buffer(
        f"rotary({identity})",
        positions * width,
        element_bytes,
        shared=True,
        video_elements=_positions(max_position, parameters, _VIDEO_POSITIONS) * width,
        elements_per_served_token=width if ends_with_context else None,
        rotated_pairs=width // 2,
    )


def _positions(max_position: int, parameters: RopeParameters, positions_factor: int) -> int:
    kind = parameters.rope_type
    factor = parameters.factor if parameters.factor is not None else 1.0
    if kind in _YARN_TYPES:
        original = parameters.original_max_position or max_position
        if parameters.has_mrope and kind == "yarn":
            original *= positions_factor
        return int(original * factor)
    if kind == "linear":
        return int(max_position * factor)
    if kind == "ntk":
        return int(max_position * factor)
    if kind == "longrope":
        return max_position + (parameters.original_max_position or max_position)
    if kind == "default" and parameters.has_mrope:
        return max_position * positions_factor
    if kind in _PLAIN_TYPES:
        return max_position
    raise NotUnderstoodError(f"rotary scaling of type {kind!r} is not known: its table has no size")
