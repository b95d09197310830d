"""A model's maximum context length, as vLLM derives it (`_get_and_verify_max_len`, vLLM 0.32)."""

from __future__ import annotations

from typing import NamedTuple

from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.rotary import RopeParameters, all_rope_parameters

_LENGTH_KEYS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "model_max_length",
    "max_target_positions",
    "max_sequence_length",
    "max_seq_length",
    "seq_len",
)
_ALREADY_SCALED = ("longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling")
_ONLY_SIZE_TABLES = ("default", "linear", "llama3", "ntk", "proportional")  # _CACHE_ONLY_ROPE_TYPES of 0.33
_FALLBACK_LENGTH = 2048  # default_max_len in vLLM 0.32's config/model.py, for configs that state none


class Lengths(NamedTuple):
    """In tokens."""

    longest: int
    """The largest --max-model-len that vLLM accepts."""
    default: int
    before_0_30: tuple[int, int] | None
    """The same two in releases before 0.30, which multiply YaRN's original length by its factor; since then
    max_position_embeddings counts as already scaled. None: the same."""
    is_fixed: bool
    """Whether config.json states a length that cannot be raised without other rotary frequencies, or past the table
    that vLLM stores (`_rope_only_sizes_cache`, vLLM 0.33)."""


def model_lengths(text: ConfigReader) -> Lengths:
    """Of the section of a config.json that describes the language model. BadInputError for a value out of range."""
    stated = [length for key in _LENGTH_KEYS if (length := text.optional_int(key, minimum=1)) is not None]
    own = text.optional_int("model_max_length", minimum=1)
    derived = own if own is not None else min(stated, default=_FALLBACK_LENGTH)
    rope = all_rope_parameters(text)
    lengths = _scaled(text, derived, rope, scales_yarn=False)
    older = _scaled(text, derived, rope, scales_yarn=True)
    is_fixed = bool(stated) and any(each.rope_type not in _ONLY_SIZE_TABLES for each in rope)
    return Lengths(*lengths, None if older == lengths else older, is_fixed)


def _scaled(
    text: ConfigReader, derived: int, rope: tuple[RopeParameters, ...], *, scales_yarn: bool
) -> tuple[int, int]:
    """The longest and the default length; `scales_yarn`: as releases before 0.30."""
    model_type = text.raw("model_type")
    if not (isinstance(model_type, str) and "gemma3" in model_type):
        derived = max(1, int(_before_scaling(rope, derived, scales_yarn) * _scaling(rope, scales_yarn)))
    default = derived
    if any(parameters.rope_type == "longrope" for parameters in rope):
        default = text.int("original_max_position_embeddings", default=derived, minimum=1)
    return derived, min(default, derived)


def _before_scaling(rope: tuple[RopeParameters, ...], derived: int, scales_yarn: bool) -> int:
    originals = [each.original_max_position for each in rope if each.rope_type == "yarn"]
    return (originals[-1] or derived) if scales_yarn and originals else derived


def _scaling(rope: tuple[RopeParameters, ...], scales_yarn: bool) -> float:
    factor = 1.0
    scaled = ("longrope", "llama3") if scales_yarn else _ALREADY_SCALED
    for parameters in rope:
        if parameters.rope_type not in scaled and parameters.factor is not None:
            factor = parameters.factor
    return factor
