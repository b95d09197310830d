"""Architectures that vLLM has no class for: its Transformers backend serves them by transformers' own code, or by the
checkpoint's (`--model-impl auto`; vLLM 0.17 to 0.33, model_executor/models/transformers).

Their weights are those of the files; a decoder of the usual shape, which config.json describes and the files must agree
with, says how ranks share them and what each layer caches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.checkpoint_weights import CheckpointWeights
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.parts import Part
from vllm_costmeter.core.model.transformers_backend import run_by_transformers
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    experts,
    gated_mlp,
    mlp,
    norms,
    router,
)
from vllm_costmeter.sources.model_config.families.dense.style import LLAMA, dense_attention, style_rotary
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source, architecture_of
from vllm_costmeter.sources.model_config.families.windows import Windows, by_type, model_wide
from vllm_costmeter.sources.model_config.layer_types import layer_types
from vllm_costmeter.sources.model_config.model import model_from_config
from vllm_costmeter.sources.model_config.reader import ConfigReader

if TYPE_CHECKING:
    from vllm_costmeter.core.model.checkpoint import CheckpointContents

OWN_CLASSES = Path(__file__).parents[1] / "models" / "own_classes.txt"
"""Architectures for which some release of vLLM has a class of its own (scripts/upstream/architectures.py)."""

TRANSFORMERS_CLASSES = OWN_CLASSES.with_name("transformers_classes.txt")
"""Those of transformers 5.19 that the backend can run (scripts/upstream/transformers_classes.py)."""

_SHARE_ERROR = 0.01
"""Of a rank's weights: norms and routers that every rank holds whole are not all known."""
_NEEDED = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "intermediate_size")
_OTHER_SHAPES = (
    "kv_lora_rank", "vision_config", "audio_config", "text_config", "encoder_layers", "layers_block_type",
    "hybrid_override_pattern", "mamba_d_state", "ssm_state_size", "state_size", "linear_num_key_heads", "conv_L_cache",
    "sliding_window_pattern", "attn_layer_period", "cross_attention_layers", "is_encoder_decoder",
)  # fmt: skip
"""Keys of decoders that are no such shape: latent attention, towers, recurrent layers, encoders."""
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")


def stock_model(
    config: Mapping[str, Any],
    name: str,
    contents: CheckpointContents,
    hf_quant_config: Mapping[str, Any] | None = None,
) -> Model | None:
    """The model as vLLM's Transformers backend serves it; None where vLLM has a class of its own, where the file
    describes no decoder of the usual shape, or its files hold another, and where neither transformers nor the
    checkpoint (`auto_map`) is known to have code for it. BadInputError for a faulty file."""
    root = ConfigReader(config, name)
    architecture = architecture_of(root)
    if contents.format != "safetensors" or not _is_stock(root, architecture):
        return None
    found = [
        each
        for family in _families()
        if (each := _as_stored(config, name, contents, family, hf_quant_config))
    ]
    if not found:
        return None
    model = min(found, key=lambda each: each[0])[1]
    note = (
        f"vLLM has no class of its own for {architecture}: this is what its Transformers backend makes of it, with "
        "transformers' code or, if that goes with vLLM, the checkpoint's"
    )
    return replace(model, weights_error=max(model.weights_error, _SHARE_ERROR), notes=(*model.notes, note))


def _is_stock(root: ConfigReader, architecture: str) -> bool:
    if not architecture.endswith("ForCausalLM") or not all(root.has(key) for key in _NEEDED):
        return False
    if any(root.raw(key) for key in _OTHER_SHAPES):
        return False
    own = root.raw("auto_map")
    has_code = isinstance(own, dict) and "AutoModel" in own
    if not has_code and architecture not in TRANSFORMERS_CLASSES.read_text("utf-8").split():
        return False
    return architecture not in OWN_CLASSES.read_text("utf-8").split()


def _as_stored(
    config: Mapping[str, Any],
    name: str,
    contents: CheckpointContents,
    family: Family,
    hf_quant_config: Mapping[str, Any] | None,
) -> tuple[int, Model] | None:
    """(bytes between description and files, the model); None where they differ by more than small parts."""
    from vllm_costmeter.sources.checkpoint.model import with_checkpoint

    try:
        model = model_from_config(config, name, hf_quant_config=hf_quant_config, family=family)
    except NotUnderstoodError:
        return None
    stored = with_checkpoint(model, contents)
    weights = stored.weights
    if not isinstance(weights, CheckpointWeights) or not weights.is_as_described:
        return None
    return abs(weights.described_bytes - weights.loaded_bytes), stored


def _families() -> Iterator[Family]:
    yield Family(partial(_decoder, is_gated=True))
    yield Family(partial(_decoder, is_gated=False))


def _decoder(source: Source, *, is_gated: bool) -> Weights:
    """Attention and an MLP, or experts, in every layer."""
    hidden, rotary = source.hidden_size, style_rotary(source, LLAMA)
    dense = (gated_mlp if is_gated else mlp)("mlp", hidden, source.intermediate_size)
    sparse = _experts(source, is_gated=is_gated)
    first = (
        source.text.int("first_k_dense_replace", "num_dense_layers", default=0)
        if sparse
        else source.num_layers
    )

    def layer(kind: tuple[int | None, bool]) -> Layer:
        window, routes = kind
        half = sparse if routes else dense
        return layer_of(*dense_attention(source, LLAMA, rotary, window), *norms(hidden, *TWO_NORMS), *half)

    kinds = [(window, index >= first) for index, window in enumerate(_windows(source))]
    return run_by_transformers(language_model(source, each_kind(kinds, layer), tied=source.is_tied()))


def _windows(source: Source) -> Windows:
    """By `layer_types`, whose chunks cache every token too; one window for all layers where there is no list."""
    if source.text.optional_list("layer_types") is None:
        return model_wide(source)
    kinds = tuple(
        "full_attention" if kind == "chunked_attention" else kind
        for kind in layer_types(source.text, source.num_layers)
    )
    window = source.text.optional_int("sliding_window")
    if window is None and "sliding_attention" in kinds:
        raise NotUnderstoodError(f"{source.text.name}: layer_types names windows without a sliding_window")
    return by_type(kinds, window or 0)


def _experts(source: Source, *, is_gated: bool) -> tuple[Part, ...]:
    text, hidden = source.text, source.hidden_size
    count = text.optional_int(*_EXPERTS)
    if not count:
        return ()
    inner = text.int("moe_intermediate_size", default=source.intermediate_size, minimum=1)
    shared = text.int("shared_expert_intermediate_size", default=0)
    shared = shared or inner * text.int("n_shared_experts", "num_shared_experts", default=0)
    return (
        router("mlp.gate", hidden, count),
        experts("mlp.experts", count, hidden, inner, gated=is_gated),
        *((gated_mlp if is_gated else mlp)("mlp.shared_experts", hidden, shared) if shared else ()),
    )
