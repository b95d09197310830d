"""PLaMo 3: windows in all but every n-th layer, four norms, one rotary table per kind (vLLM 0.16 to 0.33, plamo3.py).

Windows and rotary parameters that its configuration class (pfnet's own code with the checkpoint) makes of
`window_size`, `sliding_window_pattern` and `rope_scaling_factor`, read 2026-11.
"""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.parts import VOCABULARY_PADDING, Buffer, Embedding
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import attention, gated_mlp, norms
from vllm_costmeter.sources.model_config.families.layers import EDGES, each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import Windows
from vllm_costmeter.sources.model_config.rotary import RopeParameters, rotary_table

_NORMS = ("pre_mixer_norm", "post_mixer_norm", "pre_mlp_norm", "post_mlp_norm")


def plamo3(source: Source) -> Weights:
    """A head that stands for itself is not quantized, whatever the checkpoint's rules say."""
    text, hidden = source.text, source.hidden_size
    if text.float("rope_scaling_factor", default=1.0) != 1.0 or text.has("rope_scaling"):
        raise NotUnderstoodError(f"{text.name}: PLaMo 3 with scaled rotary positions is not known")
    size = source.head_size()

    def layer(window: int | None) -> Layer:
        return layer_of(
            *attention(
                source, "mixer", _rotary(source, window), head_size=size, qk_norm="head", window=window
            ),
            *gated_mlp("mlp", hidden, source.intermediate_size),
            *norms(hidden, *_NORMS),
        )

    built = language_model(
        source, each_kind(_windows(source), layer), tied=source.is_tied(True), on_every_rank=EDGES
    )
    plain = (
        replace(part, quantized=False, vocab_size=_head_rows(part.vocab_size))
        if isinstance(part, Embedding) and part.quantized
        else part
        for part in built.everywhere
    )
    return replace(built, everywhere=tuple(plain))


def _head_rows(vocab_size: int) -> int:
    """vLLM adds rows to a multiple of 16, and pads them beside the vocabulary's own padding."""
    added = -vocab_size % 16
    return -(-vocab_size // VOCABULARY_PADDING) * VOCABULARY_PADDING + added if added else vocab_size


def _windows(source: Source) -> Windows:
    text, count = source.text, source.num_layers
    given = text.optional_list("interleaved_sliding_window")
    if given is None:
        window = text.int("window_size", "sliding_window", minimum=1)
        every = text.int("sliding_window_pattern", minimum=1)
        return tuple(window if (index + 1) % every else None for index in range(count))
    if len(given) < count or not all(window is None or type(window) is int for window in given):
        raise BadInputError(
            f"{text.name}: {text.path}interleaved_sliding_window must hold a number or null for each of {count} layers"
        )
    return tuple(given[:count])


def _rotary(source: Source, window: int | None) -> Buffer:
    base = "rope_theta" if window is None else "rope_local_theta"
    parameters = RopeParameters("default", None, None, 1.0, False, f"{source.text.raw(base)}")
    return rotary_table(source.head_size(), source.max_position, parameters, ends_with_context=True)
