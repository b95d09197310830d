"""A decoder as layers of pieces: parameters, and beside them what they cache.

A *piece* is a part, or a cache of the layer it stands in; a *block* is a flat tuple of pieces. `layer_of` sorts the
pieces of a layer, so that its weights and its caches are read once, by the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Literal, TypeVar

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.model.attention import Cache
from vllm_costmeter.core.model.parts import Embedding, Part, Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.source import Source

Edge = Literal["embedding", "norm", "head"]

EDGES: tuple[Edge, ...] = ("embedding", "norm", "head")


@dataclass(frozen=True, slots=True)
class Converted:
    """A part that exists only once vLLM has converted the loaded weights."""

    part: Part


Kind = TypeVar("Kind", bound=Hashable)

Piece = Part | Cache | Converted

Block = tuple[Piece, ...]


def layer_of(*pieces: Piece) -> Layer:
    """A layer of these parts and caches, each in the order given."""
    return Layer(
        parts=tuple(piece for piece in pieces if isinstance(piece, Part)),
        caches=tuple(piece for piece in pieces if isinstance(piece, Cache)),
        converted=tuple(piece.part for piece in pieces if isinstance(piece, Converted)),
    )


def each_kind(kinds: Iterable[Kind], build: Callable[[Kind], Layer]) -> list[Layer]:
    """One layer per entry of `kinds`; equal kinds are one object."""
    built: dict[Kind, Layer] = {}
    layers = []
    for kind in kinds:
        if kind not in built:
            built[kind] = build(kind)
        layers.append(built[kind])
    return layers


def language_model(
    source: Source,
    layers: Sequence[Layer],
    *,
    tied: bool,
    embedding: str = "model.embed_tokens",
    layer_prefix: str = "model.layers.{}.",
    head: str = "lm_head",
    head_bias: bool = False,
    final_norm: tuple[Part, ...] | None = None,
    extra_first: tuple[Part, ...] = (),
    extra_everywhere: tuple[Part, ...] = (),
    on_every_rank: Sequence[Edge] = (),
) -> Weights:
    """Embedding, layers, final norm and head, placed on pipeline ranks as vLLM does: `on_every_rank` names those that
    the model's code builds without asking for its rank."""
    vocab, hidden = source.vocab_size, source.hidden_size
    own_head = Embedding(source.prefix + head, vocab, hidden, bias=head_bias, quantized=True)
    placed: dict[Edge, tuple[Part, ...]] = {
        "embedding": (Embedding(source.prefix + embedding, vocab, hidden), *extra_first),
        "norm": (Tensor("model.norm", hidden),) if final_norm is None else final_norm,
        "head": () if tied else (own_head,),
    }
    everywhere = [part for edge in on_every_rank for part in placed.pop(edge)]
    return Weights(
        layers=tuple(layers),
        layer_prefix=source.prefix + layer_prefix,
        first=placed.pop("embedding", ()),
        last=(*placed.pop("norm", ()), *placed.pop("head", ())),
        everywhere=(*everywhere, *extra_everywhere),
        is_tied=tied,
    )
