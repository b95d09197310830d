"""config.json and the headers of the weights -> a model; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.rank import DTYPE_BYTES
from vllm_costmeter.core.quantization.named import named_quantization
from vllm_costmeter.sources.model_config import model_from_config

if TYPE_CHECKING:
    from vllm_costmeter.core.model.checkpoint import CheckpointContents
    from vllm_costmeter.sources.checkpoint.gguf import GgufFile

GGUF_ERROR = 0.03
"""vLLM pads fused projections whose parts are of different GGML types to the widest (`GGUFLinearMethod`, 0.23.0): 1.8 %
in an 8B of Q4_K_M."""

GGUF_NOTE = "vLLM 0.24 and newer read GGUF files only with a plugin installed for them"  # sources of 0.23.0 and 0.24.0


def model_of(
    config: Mapping[str, Any],
    name: str,
    contents: CheckpointContents | None = None,
    *,
    hf_quant_config: Mapping[str, Any] | None = None,
    is_embedder: bool = False,
) -> Model:
    """The model of a config.json, its weights exact where there are headers. `is_embedder`: a sentence-transformers
    repository, which vLLM serves for pooling and without an output head.

    A model whose rules are not known is returned too: its verdict is always `unknown`. Raises BadInputError for an
    invalid config.json.
    """
    if contents is not None and "architectures" not in config and config.get("dtype") is None:
        config = _with_common_dtype(config, contents)
    try:
        model = model_from_config(config, name, hf_quant_config=hf_quant_config, is_embedder=is_embedder)
    except NotUnderstoodError as why:
        from vllm_costmeter.sources.model_config.unknown import unknown_model
        from vllm_costmeter.sources.models.nearest import nearest_configuration

        if contents is not None:
            from vllm_costmeter.sources.model_config.stock import stock_model

            served = stock_model(config, name, contents, hf_quant_config)
            if served is not None:
                return served
        near = nearest_configuration(config)
        model = replace(unknown_model(config, name, str(why)), notes=(near,) if near else ())
    if contents is not None:
        return with_checkpoint(model, contents)
    named = named_quantization(name) if model.quantization is None else None
    return model if named is None else replace(model, only_named=named, notes=(*model.notes, named.note))


def stored_head_note(head_bytes: int) -> str:
    """`maybe_untie_word_embeddings` of vllm/config/model.py and `maybe_retie_word_embeddings` (0.29 to 0.33) compare
    the values, which are not read here."""
    return (
        f"its files contain an output head of their own ({head_bytes / GIB:.2f} GiB), although config.json ties it to "
        "the embedding: counted as the same, which vLLM 0.29 and newer check as they load it; another stays in memory"
    )


def _with_common_dtype(config: Mapping[str, Any], contents: CheckpointContents) -> Mapping[str, Any]:
    """A params.json that states no dtype, with what vLLM infers: the one that holds every tensor's values."""
    from vllm_costmeter.core.model.checkpoint import FLOATS
    from vllm_costmeter.sources.model_config.params import is_params

    if not is_params(config):
        return config
    found = {group.dtype for group in contents.groups} & FLOATS
    widest = found & {"F32", "F64"} or found >= {"F16", "BF16"}
    return {**config, "dtype": "float32" if widest else "float16" if "F16" in found else "bfloat16"}


def model_of_gguf(
    gguf: GgufFile, name: str, beside: Mapping[str, Any] | None, projector: GgufFile | None = None
) -> Model:
    """The model of a GGUF file from the config.json in its folder, as vLLM 0.24 and newer read it, otherwise from its
    metadata; with the image encoder of `projector`.

    Raises BadInputError for invalid metadata; if something is not understood, only the weights are known.
    """
    from vllm_costmeter.core.model.checkpoint import merged
    from vllm_costmeter.sources.checkpoint.gguf_config import (
        architecture_of,
        config_beside,
        config_of,
        with_projector,
    )
    from vllm_costmeter.sources.model_config.unknown import unknown_model

    try:
        config = config_of(gguf, name) if beside is None else config_beside(gguf, beside)
    except NotUnderstoodError as why:
        model = unknown_model({"architectures": [architecture_of(gguf, name)]}, name, str(why))
    else:
        model = model_of(config if projector is None else with_projector(config, projector), name)
    contents = gguf.contents if projector is None else merged((gguf.contents, projector.contents))
    return with_checkpoint(replace(model, only_named=None, notes=()), contents)


def with_checkpoint(model: Model, contents: CheckpointContents) -> Model:
    """The same model with the checkpoint's own bytes as its weights."""
    from vllm_costmeter.core.model.checkpoint_weights import CheckpointWeights, UndividedWeights

    unquantized = model.quantization is None and contents.format == "safetensors"
    loaded = contents.loaded_bytes(
        model.sizes.num_hidden_layers or None,
        model.is_tied or model.is_pooling,
        DTYPE_BYTES[model.dtype] if unquantized else None,
    )
    if model.not_understood is not None:
        weights = UndividedWeights(loaded, contents.format)
        return replace(
            model,
            weights=weights,
            weights_source=contents.format,
            weights_error=0.0,
            quantization=model.quantization if contents.format == "safetensors" else contents.format,
        )
    described = sum(model.weights_bytes(EngineArgs()))
    most = described * model.weights_most_share
    if model.weights_most_share > 1:
        model = replace(model, weights_most_share=1.0, notes=())
    if model.is_tied and not model.is_pooling and contents.format == "safetensors" and contents.head_bytes:
        model = replace(model, notes=(*model.notes, stored_head_note(contents.head_bytes)))
    divided = CheckpointWeights(model.weights, described, loaded, contents.format)
    if contents.format == "gguf":
        return replace(
            model,
            weights=divided,
            weights_source="gguf",
            weights_error=GGUF_ERROR,
            quantization="gguf",
            notes=(GGUF_NOTE,),
        )
    if divided.is_as_described or described < loaded <= most:
        return replace(model, weights=divided, weights_source="safetensors", weights_error=0.0)
    return replace(
        model,
        weights=divided,
        weights_source="safetensors",
        weights_error=min(abs(described - loaded) / max(loaded, 1), 1.0),
        notes=(
            *model.notes,
            f"the checkpoint's files contain {loaded / GIB:.2f} GiB of weights, its config.json describes "
            f"{described / GIB:.2f} GiB: one of them is from another model, or some tensors are missing",
        ),
    )
