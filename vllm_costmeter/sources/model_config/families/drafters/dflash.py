"""DFlash drafters, which draft a block of tokens at once with keys and values of the target's hidden states, and what
is built on them: DFlash 2, DSpark, XPress and LiLiCorr (vLLM 0.32: qwen3_dflash.py, qwen3_dflash2.py, qwen3_dspark.py,
lilicorr.py; 0.33: qwen3_xpress.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.parts import Embedding, Linear, Output, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import attention, gated_mlp, norms, replicated
from vllm_costmeter.sources.model_config.families.drafters.eagle3 import mapping
from vllm_costmeter.sources.model_config.families.layers import Converted, Piece, each_kind, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.families.windows import Windows, by_type, stated_window
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_CANDIDATE_FEATURES = 5  # of LiLiCorrHead
_MOST_CORRELATOR_LAYERS = 64  # more is a corrupt file


def dflash(source: Source) -> Weights:
    """Qwen3's layers behind a projection of the target's hidden states."""
    return _drafter(source, ())


def dflash2(source: Source) -> Weights:
    """A grouped convolution around each half of a layer, and two codebooks that choose among candidates."""
    own = own_section(source)
    rank = own.int("selector_rank", minimum=1)
    weights = _drafter(source, _convolutions(source, own))
    selector = (
        Tensor("model.candidate_selector.predecessor_codebook", source.vocab_size, rank),
        Tensor("model.candidate_selector.successor_codebook", source.vocab_size, rank),
        replicated("model.candidate_selector.hidden_projection", source.hidden_size, rank, quantized=False),
    )
    return replace(weights, last=(*weights.last, *selector))


def dspark(source: Source) -> Weights:
    """A Markov head over the vocabulary, whole on every rank, and one that tells how sure it is."""
    weights = _drafter(source, ())
    return replace(weights, last=(*weights.last, *markov_heads(source)))


def markov_heads(source: Source) -> tuple[Part, ...]:
    """Of a DSpark drafter, whichever layers it has."""
    text = source.text
    rank = text.int("markov_rank", minimum=1)
    vocab = text.int("draft_vocab_size", default=source.vocab_size, minimum=1)
    parts: list[Part] = [
        Tensor("model.markov_head.markov_w1", source.vocab_size, rank),
        Embedding("model.markov_head.markov_w2", vocab, rank, split=False, quantized=True),
    ]
    if text.bool("enable_confidence_head", default=False):
        reads = rank if text.bool("confidence_head_with_markov", default=False) else 0
        width = source.hidden_size + reads + 1  # with a bias
        parts.append(Tensor("model.confidence_head.proj", width, element_bytes=FLOAT32_BYTES))
    return tuple(parts)


def xpress(source: Source) -> Weights:
    """A refiner of a block of tokens, with a table and an output matrix of its own, and their transposed copies."""
    text, hidden = source.text, source.hidden_size
    vocab = source.vocab_size
    steps = text.int("num_speculative_steps", default=15, minimum=1)
    block = text.int("xpress_block_size", default=steps + 1, minimum=1)
    rank = text.int("xpress_rank", default=256, minimum=1)
    inner = text.int("xpress_mlp_hidden", default=512, minimum=1)
    mixing = 3 * rank * rank + rank * block * block + 3 * rank * inner
    weights = _drafter(source, ())
    refiner = Tensor("model.xpress_head", vocab * rank + 2 * hidden * rank + mixing + rank * vocab)
    copies = Converted(Tensor("model.xpress_head.copies", mixing + rank * vocab))
    first, *rest = weights.layers
    return replace(
        weights,
        layers=(replace(first, converted=(*first.converted, copies.part)), *rest),
        last=(*weights.last, refiner),
    )


def lilicorr(source: Source) -> Weights:
    """A lattice of candidates that small layers of attention compare, whole on every rank but for their MLPs."""
    own = own_section(source)
    hidden, taps = source.hidden_size, own.int("conv_kernel_size", default=0)
    weights = _drafter(source, _convolutions(source, own) if taps else ())
    width = own.int("lilicorr_hidden_size", default=0) or hidden
    block = own.int("block_size", default=source.text.int("block_size", default=0))
    heads = own.int("lilicorr_num_heads", minimum=1)
    factor = own.int("lilicorr_factor_dim", minimum=1)
    name = "model.lilicorr"
    parts: list[Part] = [
        *(() if width == hidden else (replicated(f"{name}.token_proj", hidden, width, bias=True),)),
        replicated(f"{name}.pass_hidden_proj", hidden, width, bias=True),
        replicated(f"{name}.context_proj", hidden, width, bias=True),
        Tensor(f"{name}.feature_norm", 2 * _CANDIDATE_FEATURES),
        *_correlator_mlp(f"{name}.feature_mlp", _CANDIDATE_FEATURES, width, width),
        Tensor(f"{name}.slot_embedding", block - 1, width),
        Tensor(f"{name}.rank_embedding", own.int("lilicorr_candidate_topk", minimum=1), width),
        Tensor(f"{name}.slot_biases", heads * 2 * block),
        *norms(width, f"{name}.output_norm", f"{name}.anchor_norm"),
        replicated(f"{name}.factor_input_proj", 3 * width, width, bias=True, quantized=False),
        replicated(f"{name}.out_head", width, factor, bias=True, quantized=False),
        replicated(f"{name}.in_head", width, factor, bias=True, quantized=False),
        replicated(f"{name}.anchor_out_head", width, factor, bias=True),
    ]
    inner = int(width * own.float("lilicorr_mlp_ratio", default=0.0))
    for index in range(own.int("lilicorr_num_layers", maximum=_MOST_CORRELATOR_LAYERS)):
        layer = f"{name}.layers.{index}"
        parts += [
            *norms(width, f"{layer}.attn_norm", f"{layer}.mlp_norm"),
            Tensor(f"{layer}.attn.in_proj", 3 * width, width + 1),
            replicated(f"{layer}.attn.out_proj", width, width, bias=True),
            *_correlator_mlp(f"{layer}.mlp", width, inner, width),
        ]
    return replace(weights, last=(*weights.last, *parts))


def _correlator_mlp(name: str, inputs: int, inner: int, outputs: int) -> tuple[Part, ...]:
    return (
        Linear(f"{name}.up_proj", inputs, (Output(inner),), "column", bias=True),
        Linear(f"{name}.down_proj", inner, (Output(outputs),), "row", bias=True),
    )


def own_section(source: Source) -> ConfigReader:
    """`dflash_config`, empty where the file has none."""
    text = source.text
    return text.optional_section("dflash_config") or ConfigReader({}, text.name, f"{text.path}dflash_config.")


def _drafter(source: Source, layer_extra: tuple[Part, ...]) -> Weights:
    """Layers, the projection of the hidden states they read, tables, and an embedding of the tokens not known yet."""
    text, hidden, own = source.text, source.hidden_size, own_section(source)
    bias = text.bool("attention_bias", default=False)
    rotary = rotary_table(source.head_size(), source.max_position, rope_parameters(text))
    sinks = own.bool("attention_sink_bias", default=text.bool("add_swa_attention_sink_bias", default=False))
    fixed: tuple[Piece, ...] = (
        *gated_mlp("mlp", hidden, source.intermediate_size),
        *norms(hidden, "input_layernorm", "post_attention_layernorm"),
        *((Tensor("self_attn.attention_sink_bias", source.num_heads, split=True),) if sinks else ()),
        *layer_extra,
        *_fused_keys_and_values(source, bias),
    )

    def layer(window: int | None) -> Layer:
        attends = attention(
            source, "self_attn", rotary, bias=bias, out_bias=bias, qk_norm="head", window=window
        )
        return layer_of(*attends, *fixed)

    vocab = text.int("draft_vocab_size", default=source.vocab_size, minimum=1)
    return Weights(
        layers=tuple(each_kind(_windows(source, own), layer)),
        layer_prefix="model.layers.{}.",
        first=(
            Embedding("model.embed_tokens", source.vocab_size, hidden),
            Tensor("model.mask_embedding", hidden),
            *_reading(source, own),
            *mapping(source, vocab),
        ),
        last=(*norms(hidden, "model.hidden_norm", "model.norm"), _lm_head(text, vocab, hidden)),
    )


def _lm_head(text: ConfigReader, vocab: int, hidden: int) -> Embedding:
    return Embedding("lm_head", vocab, hidden, quantized=text.bool("has_own_lm_head", default=False))


def _reading(source: Source, own: ConfigReader) -> tuple[Part, ...]:
    text = source.text
    stated = text.bool("use_aux_hidden_state", default=True)
    if not own.bool("use_aux_hidden_state", default=stated):
        return ()
    seen = text.int("target_hidden_size", default=source.hidden_size, minimum=1)
    return (replicated("model.fc", seen * _hidden_states(source, own), source.hidden_size),)


def _hidden_states(source: Source, own: ConfigReader) -> int:
    """How many of the target's hidden states it reads (`get_eagle3_aux_layers_from_config`)."""
    text = source.text
    listed = (
        text.optional_list("eagle_aux_hidden_state_layer_ids")
        or own.optional_list("target_layer_ids")
        or text.optional_list("dspark_target_layer_ids", "target_layer_ids")
        or own.optional_list("layer_ids")
    )
    return len(listed) if listed else source.num_layers


def _windows(source: Source, own: ConfigReader) -> Windows:
    """By `layer_types`; `use_swa` makes all layers windows that the file gives none of (`_resolve_layer_attention`)."""
    text, count = source.text, source.num_layers
    kinds = layer_types(text, count) if text.optional_list("layer_types") is not None else None
    has_windows = kinds is not None and "sliding_attention" in kinds
    if own.bool("use_swa", default=False) and not has_windows:
        kinds, has_windows = ("sliding_attention",) * count, True
    if kinds is None or not has_windows:
        return (None,) * count
    window = own.optional_int("swa_window_size", minimum=1) or stated_window(text)
    if window is None:
        raise BadInputError(
            f"{text.name}: a sliding-window DFlash layer needs dflash_config.swa_window_size or sliding_window"
        )
    return by_type(kinds, window)


def _convolutions(source: Source, own: ConfigReader) -> tuple[Part, ...]:
    """Of each half of a layer: a kernel, and the projection that shifts it."""
    hidden = source.hidden_size
    taps, group = own.int("conv_kernel_size", minimum=1), own.int("conv_group_size", minimum=1)
    if hidden % group:
        raise BadInputError(f"{own.name}: conv_group_size {group} does not divide hidden_size {hidden}")
    return tuple(
        part
        for name in ("attention_conv", "mlp_conv")
        for part in (
            Tensor(f"{name}.base_kernel", 2 * taps, hidden),
            replicated(f"{name}.kernel_projection", hidden, 2 * taps * (hidden // group)),
        )
    )


def _fused_keys_and_values(source: Source, bias: bool) -> tuple[Piece, ...]:
    """The copy of all layers' key and value projections in one matrix, which vLLM makes of plain weights."""
    if source.root.has("quantization_config"):
        return ()
    width = source.head_size()
    rows = source.hidden_size + bias
    return (
        *(
            Converted(Tensor(name, source.num_kv_heads, width * rows, split=True, replicated=True))
            for name in ("fused_k_weight", "fused_v_weight")
        ),
        Converted(Tensor("k_norm_weights", width)),
    )
