"""Decoders that answer with a hidden state, a score per label or a value instead of a token."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.parts import Embedding, Part, Tensor
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.family import Builder
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.reader import ConfigReader

_DEFAULT_LABELS = 2


def label_scores(source: Source, default: int = _DEFAULT_LABELS) -> tuple[Part, ...]:
    """A classifier: one float32 row with a bias per label; `default`: labels where the file counts none."""
    values = num_labels(source, default) * (source.hidden_size + 1)
    return (Tensor("classifier", values, element_bytes=FLOAT32_BYTES),)


def embedder(build: Builder) -> Builder:
    """A decoder that answers with a hidden state: the same without its output head (vLLM's `as_embedding_model`)."""

    def without_head(source: Source) -> Weights:
        weights = build(source)
        last, everywhere = _without_head(weights.last), _without_head(weights.everywhere)
        return replace(weights, last=last, everywhere=everywhere, is_tied=False)

    return without_head


def _without_head(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Output heads are the only vocabulary tables that a scheme may quantize."""
    return tuple(part for part in parts if not (isinstance(part, Embedding) and part.quantized))


def scored(build: Builder) -> Builder:
    """A decoder with a float32 score per label beside what it has, on every pipeline rank."""

    def with_score(source: Source) -> Weights:
        weights = build(source)
        score = Tensor("score", num_labels(source) * source.hidden_size, element_bytes=FLOAT32_BYTES)
        return replace(weights, everywhere=(*weights.everywhere, score))

    return with_score


def tagged(build: Builder, default: int = 2) -> Builder:
    """A decoder with a float32 score and a bias per label on every pipeline rank."""

    def with_scores(source: Source) -> Weights:
        weights = build(source)
        return replace(weights, everywhere=(*weights.everywhere, *label_scores(source, default)))

    return with_scores


def classifier(build: Builder) -> Builder:
    """A decoder with a score per label instead of its head (vLLM's `as_seq_cls_model`)."""
    return scored(embedder(build))


def rewarder(build: Builder, labels: int) -> Builder:
    """Qwen 2.5 Math's reward models: two layers of a score instead of the head."""
    return deeply_scored(embedder(build), labels)


def deeply_scored(build: Builder, labels: int) -> Builder:
    """A decoder with two float32 layers with biases beside what it has, on every pipeline rank."""

    def with_reward(source: Source) -> Weights:
        weights, hidden = build(source), source.hidden_size
        layers = (
            Tensor("score.0", hidden, hidden + 1, split=True, element_bytes=FLOAT32_BYTES),
            Tensor("score.2.weight", hidden, labels, split=True, element_bytes=FLOAT32_BYTES),
            Tensor("score.2.bias", labels, element_bytes=FLOAT32_BYTES),
        )
        return replace(weights, everywhere=(*weights.everywhere, *layers))

    return with_reward


def uncached(build: Builder) -> Builder:
    """A decoder whose tokens all see each other (vLLM's EncoderOnlyAttention): the same without caches."""

    def without_caches(source: Source) -> Weights:
        weights = build(source)
        bare = {id(layer): replace(layer, caches=()) for layer in weights.layers}
        return replace(weights, layers=tuple(bare[id(layer)] for layer in weights.layers))

    return without_caches


def projected(build: Builder, *keys: str, default: int | None = None, bias: bool = False) -> Builder:
    """Late interaction: each token's hidden state is narrowed by a float32 matrix on every pipeline rank, to the first
    width of `keys` that the file states. NotUnderstoodError where it states none and has no default: then only the
    checkpoint knows it."""

    def with_projection(source: Source) -> Weights:
        weights = build(source)
        stated = source.root.optional_int(*keys, minimum=1) or default
        if stated is None:
            raise NotUnderstoodError(
                f"{source.root.name}: the width of the projection is not stated ({', '.join(keys)})"
            )
        values = Tensor("projection", stated * (source.hidden_size + bias), element_bytes=FLOAT32_BYTES)
        return replace(weights, everywhere=(*weights.everywhere, values))

    return with_projection


def valued(build: Builder) -> Builder:
    """InternLM 2's reward model: one float32 value per token instead of the head, on every pipeline rank."""

    def with_value(source: Source) -> Weights:
        weights = embedder(build)(source)
        value = Tensor("v_head", source.hidden_size, split=True, element_bytes=FLOAT32_BYTES)
        return replace(weights, everywhere=(*weights.everywhere, value))

    return with_value


def num_labels(source: Source, default: int = _DEFAULT_LABELS) -> int:
    """The root's labels, or those of the language model's section where the root has transformers' default of 2
    (`_resolve_num_labels`, vLLM 0.29 to 0.33). `default`: where the file counts none."""
    stated = _labels_of(source.root, default)
    return stated if stated != _DEFAULT_LABELS else _labels_of(source.text, default)


def _labels_of(section: ConfigReader, default: int) -> int:
    """`num_labels`, or as many as `id2label` names."""
    names = section.raw("id2label")
    counted = len(names) if isinstance(names, dict) and names else default
    return section.int("num_labels", default=counted, minimum=1, maximum=1 << 20)
