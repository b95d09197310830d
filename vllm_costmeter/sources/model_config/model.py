"""Translate a parsed config.json into a `Model`; reads no files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.attention import LayerCaches, ModelAttention, RecurrentState
from vllm_costmeter.core.model.model import Model, Sizes
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import UNQUANTISED
from vllm_costmeter.sources.model_config.families.adapted_edges import adapted_edges
from vllm_costmeter.sources.model_config.families.registry import served_by
from vllm_costmeter.sources.model_config.families.source import Source, architecture_of, text_section
from vllm_costmeter.sources.model_config.lengths import model_lengths
from vllm_costmeter.sources.model_config.overrides import with_active_overrides
from vllm_costmeter.sources.model_config.quantization.section import facts_of, quantization_of
from vllm_costmeter.sources.model_config.reader import MOST_PARAMETERS, ConfigReader

if TYPE_CHECKING:
    from vllm_costmeter.core.model.drafter import Drafter
    from vllm_costmeter.core.model.unsplit_items import UnsplitItems
    from vllm_costmeter.sources.model_config.families.family import Family

_UNKNOWN_TYPES = (
    "deepseek_ref",
)  # model_type of repackaged checkpoints that transformers and vLLM 0.32 refuse
_DTYPES = {"bfloat16": "bfloat16", "float16": "float16", "half": "float16"}
_FLOAT32 = ("float32", "float", "float64", "double")
_UNSPLIT = (
    "gemma3",
    "gemma4",
    "moondream3",
    "paligemma",
    "whisper",
)  # model_type: items are never split over steps
_EXPERT_COUNTS = ("num_experts", "moe_num_experts", "n_routed_experts", "num_local_experts")
_EXPERTS_PER_TOKEN = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "top_k_experts",
    "moe_topk",
    "moe_top_k",
)


def model_from_config(
    values: Mapping[str, Any],
    name: str,
    *,
    hf_quant_config: Mapping[str, Any] | None = None,
    is_embedder: bool = False,
    family: Family | None = None,
) -> Model:
    """The model that a parsed config.json describes; `name` is its id and starts every error message.

    `is_embedder`: a sentence-transformers folder, which vLLM serves for pooling, without an output head.
    `family`: its rules, in the place of those its architecture has.

    Raises BadInputError for a faulty file, NotUnderstoodError for an architecture, rotary scaling or
    quantization that is not modelled.
    """
    if not isinstance(values, Mapping):
        raise BadInputError(f"{name}: config.json must hold an object, got {type(values).__name__}")
    root = root_reader(values, name)
    architecture_name = architecture_of(root)
    model_type = root.raw("model_type")
    if model_type in _UNKNOWN_TYPES:
        raise NotUnderstoodError(f"{name}: model_type {model_type!r} is not known to vLLM or transformers")
    served_name = architecture_name
    if family is None:
        served_name, family = served_by(architecture_name)
    if is_embedder and not family.is_pooling:
        from vllm_costmeter.sources.model_config.families.pooling import embedder

        family = replace(family, build=embedder(family.build), is_pooling=True)
    text = text_section(root) if family.text is None else family.text(root)
    source = Source(root, text)
    family = (family.other_for and family.other_for(source)) or family
    quantization = quantization_of(root, text, family.renames, hf_quant_config)
    embedding, head = adapted_edges(served_name)
    weights = replace(
        family.weights(source),
        quantization=quantization,
        adapted_embedding=embedding,
        adapted_head=head,
    )
    if weights.parameters > MOST_PARAMETERS:
        raise BadInputError(f"{name}: describes more than {MOST_PARAMETERS} parameters, which no model has")
    lengths = model_lengths(text)
    sizes = _sizes(source, family)
    dtype = served_dtype(root, text, is_pooling=family.is_pooling)
    attention = ModelAttention(
        layers=_caches(weights),
        num_attention_heads=sizes.num_attention_heads,
        dtype=dtype,
        kv_cache_dtype=_kv_cache_dtype(root, text),
        blackwell_kv_cache_dtype=family.blackwell_kv_cache_dtype,
        tower_layers=family.tower_caches(source) if family.tower_caches else (),
        caches_prefixes=family.caches_prefixes,
    )
    model = Model(
        id=name,
        architecture=architecture_name,
        dtype=dtype,
        quantization=None if quantization.method == UNQUANTISED.method else quantization.method,
        quantization_facts=facts_of(root, text, hf_quant_config),
        max_model_len=lengths.longest,
        default_max_model_len=lengths.default,
        lengths_before_0_30=lengths.before_0_30,
        is_length_fixed=lengths.is_fixed,
        sizes=sizes,
        attention=attention,
        weights=weights,
        is_moe=sizes.num_experts > 0,
        is_multimodal=family.tower is not None or family.is_encoder_decoder,
        is_pooling=family.is_pooling,
        is_encoder_decoder=family.is_encoder_decoder,
        is_hybrid=any(isinstance(cache, RecurrentState) for layer in attention.layers for cache in layer),
        is_pipelined=family.is_pipelined and (family.is_cut is None or family.is_cut(source)),
        is_tied=weights.is_tied,
        has_sinks=weights.has_sinks,
        model_type=model_type_of(root),
        unsplit_items=_unsplit_items(root, text),
        prediction=_drafter(source, family, weights),
        kept_values_per_token=0 if family.kept_values is None else family.kept_values(source),
    )
    if model.quantization not in ("awq", "gptq"):
        return model
    from vllm_costmeter.sources.model_config.quantization.unlisted import with_unlisted

    return with_unlisted(model)


def root_reader(values: Mapping[str, Any], name: str) -> ConfigReader:
    """A parsed config.json, with --hf-overrides; of Mistral's params.json what vLLM makes of it, which no class fills
    in."""
    if "architectures" in values:
        return ConfigReader(with_active_overrides(values), name)
    from vllm_costmeter.sources.model_config.class_defaults import ClassDefaults
    from vllm_costmeter.sources.model_config.mistral import config_of_params
    from vllm_costmeter.sources.model_config.params import is_params

    if not is_params(values):
        return ConfigReader(with_active_overrides(values), name)

    adapted = with_active_overrides(config_of_params(values, name))
    return ConfigReader(adapted, name, defaults=ClassDefaults(None))


def _kv_cache_dtype(root: ConfigReader, text: ConfigReader) -> str | None:
    if not root.has("quantization_config") and not text.has("quantization_config"):
        return None
    from vllm_costmeter.sources.model_config.quantization.kv_cache_dtype import checkpoint_kv_cache_dtype

    return checkpoint_kv_cache_dtype(root, text)


def _drafter(source: Source, family: Family, target: Weights) -> Drafter | None:
    """The model's own prediction layers (MTP); None if it has none or they are not modelled."""
    if family.prediction is None:
        return None
    from vllm_costmeter.core.model.drafter import Drafter
    from vllm_costmeter.sources.model_config.families.prediction import prediction_count, prediction_modules

    stated = prediction_count(source) if family.stated_depths is None else family.stated_depths(source)
    count = family.prediction_count or stated
    if not count or (weights := family.prediction(source, target, count)) is None:
        return None
    return Drafter(
        weights,
        served_dtype(source.root, source.text),
        _caches(weights),
        is_own=True,
        num_modules=prediction_modules(source),
        predicted_tokens=stated,
        is_by_depth=family.drafts_by_depth,
    )


def _caches(weights: Weights) -> tuple[LayerCaches, ...]:
    """What each layer caches; empty if no layer caches anything (encoders)."""
    caches = tuple(layer.caches for layer in weights.layers)
    return caches if any(caches) else ()


def served_dtype(root: ConfigReader, text: ConfigReader, *, is_pooling: bool = False) -> str:
    """The dtype that `--dtype auto` selects: 16-bit types unchanged, float32 as bfloat16, or as float16 for
    pooling (`_resolve_auto_dtype`, 0.32)."""
    stated = None
    vision = root.optional_section("vision_config")
    for reader in (root, text, vision):
        if reader is not None and stated is None:
            stated = reader.optional_str("dtype", "torch_dtype")
    stated = (stated or "float32").removeprefix("torch.")
    if stated in _FLOAT32:
        stated = "float16" if is_pooling else "bfloat16"
    if stated not in _DTYPES:
        raise BadInputError(f"{root.name}: dtype {stated[:40]!r} is not one of {', '.join(_DTYPES)}, float32")
    if _DTYPES[stated] == "float16":
        from vllm_costmeter.core.model.served_dtype import NO_FLOAT16

        return "bfloat16" if model_type_of(root) in NO_FLOAT16 else "float16"
    return _DTYPES[stated]


def _unsplit_items(root: ConfigReader, text: ConfigReader) -> UnsplitItems | None:
    model_type = model_type_of(root)
    if model_type not in _UNSPLIT:
        return None
    from vllm_costmeter.sources.model_config.unsplit_items import unsplit_items

    return unsplit_items(root, text, model_type)


def model_type_of(root: ConfigReader) -> str:
    stated = root.raw("model_type")
    return stated if isinstance(stated, str) else ""


def _sizes(source: Source, family: Family) -> Sizes:
    text = source.text
    count = _widest(text, *_EXPERT_COUNTS)
    heads = source.stated_heads or 0
    return Sizes(
        hidden_size=source.hidden_size,
        vocab_size=source.vocab_size,
        num_hidden_layers=source.num_layers,
        num_attention_heads=heads,
        num_key_value_heads=source.num_kv_heads if heads else 0,
        head_size=text.optional_int("head_dim") or (source.hidden_size // heads if heads else 0),
        intermediate_size=_widest(text, "intermediate_size"),
        moe_intermediate_size=(_widest(text, "moe_intermediate_size") or _widest(text, "intermediate_size"))
        if count
        else 0,
        num_experts=count,
        num_experts_per_token=_widest(text, *_EXPERTS_PER_TOKEN) if count else 0,
        image_tower=None if family.image_tower is None else family.image_tower(source),
    )


def _widest(text: ConfigReader, *keys: str) -> int:
    """The largest of a size that some files give per layer or per kind of expert; 0 if absent."""
    stated = text.raw(*keys)
    if not isinstance(stated, list):
        return text.optional_int(*keys) or 0
    sizes = (ConfigReader({keys[0]: value}, text.name, text.path).int(keys[0], default=0) for value in stated)
    return max(sizes, default=0)
