"""The dimensions of a dense decoder, from which the bytes of its training follow."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.model import Model

LARGEST_DIFFERENCE = 0.02
"""Between the parameters of `Shape` (no norms, no biases) and those of the model; more means other layers."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes in elements."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    intermediate: int
    vocabulary: int
    tied: bool = False
    gated: bool = True
    architecture: str = "LlamaForCausalLM"

    @property
    def query(self) -> int:
        """Width of all query heads."""
        return self.heads * self.head_size

    @property
    def key(self) -> int:
        """Width of all key heads."""
        return self.kv_heads * self.head_size

    @property
    def matrices(self) -> Mapping[str, tuple[int, int]]:
        """The linear layers of one block: (inputs, outputs)."""
        found = {
            "q": (self.hidden, self.query),
            "k": (self.hidden, self.key),
            "v": (self.hidden, self.key),
            "o": (self.query, self.hidden),
            "up": (self.hidden, self.intermediate),
            "down": (self.intermediate, self.hidden),
        }
        return found | ({"gate": (self.hidden, self.intermediate)} if self.gated else {})

    @property
    def linear_parameters(self) -> int:
        """Parameters of the linear layers of all blocks."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.matrices.values())

    @property
    def embedding_parameters(self) -> int:
        """Parameters of the embedding and the head."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All parameters but norms and biases, which are below 0.1 %."""
        return self.linear_parameters + self.embedding_parameters


def shape_of(model: Model) -> Shape:
    """The shape of a dense decoder-only model.

    BadInputError for a quantized checkpoint; NotUnderstoodError for experts, towers, recurrent layers, and any
    model whose parameters are not those of the plain blocks.
    """
    if model.quantization is not None or model.only_named is not None:
        raise BadInputError(
            f"{model.id}: its weights are quantized already; name the 16-bit checkpoint (QLoRA quantizes it itself)"
        )
    kinds = {
        "experts": model.is_moe,
        "a vision or audio tower": model.is_multimodal,
        "an encoder": model.is_encoder_decoder,
        "recurrent layers": model.is_hybrid,
    }
    for kind, is_there in kinds.items():
        if is_there:
            raise NotUnderstoodError(f"{model.id}: the memory of fine-tuning is not known for {kind}")
    sizes, counted = model.sizes, model.parameters
    plain = Shape(
        sizes.num_hidden_layers,
        sizes.hidden_size,
        sizes.num_attention_heads,
        sizes.num_key_value_heads,
        sizes.head_size,
        sizes.intermediate_size,
        sizes.vocab_size,
        model.is_tied,
        architecture=model.architecture,
    )
    for shape in (plain, replace(plain, gated=False)):
        if counted and abs(shape.parameters / counted - 1) <= LARGEST_DIFFERENCE:
            return shape
    raise NotUnderstoodError(
        f"{model.id}: the memory of fine-tuning is not known for its layers ({counted or 'unknown'} parameters, "
        f"{plain.parameters} as a plain decoder)"
    )
