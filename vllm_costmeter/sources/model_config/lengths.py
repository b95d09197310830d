"""A model's maximum context length, as vLLM derives it (`_get_and_verify_max_len`, vLLM 0.32)."""

from __future__ import annotations

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
_FALLBACK_LENGTH = 2048  # default_max_len in vLLM 0.32's config/model.py, for configs that state none


def model_lengths(root: ConfigReader, text: ConfigReader, *, scales_yarn: bool = False) -> tuple[int, int]:
    """(largest --max-model-len that vLLM accepts, its default), in tokens.

    `scales_yarn`: as releases before 0.30, which multiply YaRN's original length by its factor; since then
    max_position_embeddings counts as already scaled.
    """
    stated = [length for key in _LENGTH_KEYS if (length := text.optional_int(key, minimum=1)) is not None]
    own = text.optional_int("model_max_length", minimum=1)
    derived = own if own is not None else min(stated, default=_FALLBACK_LENGTH)
    rope = all_rope_parameters(text)
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
