"""gpt-oss and the encoder made of it (vLLM 0.32, gpt_oss.py and openai_privacy_filter.py)."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.model.parts import Tensor
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    TWO_NORMS,
    attention,
    experts,
    norms,
    replicated,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import (
    EDGES,
    Block,
    each_kind,
    language_model,
    layer_of,
)
from vllm_costmeter.sources.model_config.families.pooling import embedder, tagged, uncached
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.reader import ConfigReader
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table

_PRIVACY_LABELS = 33  # of transformers' OpenAIPrivacyFilterConfig (5.19), as the next
_PRIVACY_ROPE = {"rope_type": "yarn", "factor": 32.0, "original_max_position_embeddings": 4096}

_WINDOW = 128  # sliding_window default of transformers' GptOssConfig (5.x)


def gpt_oss(source: Source) -> Weights:
    """gpt-oss: biases everywhere, one sink per head, float32 rotary tables, windows in the even layers."""
    text, hidden = source.text, source.hidden_size
    count = text.int("num_local_experts", "num_experts", minimum=1)
    head_size = source.head_size()
    rotary = rotary_table(head_size, source.max_position, rope_parameters(text), element_bytes=FLOAT32_BYTES)
    window = text.int("sliding_window", default=_WINDOW, minimum=1)
    rest: Block = (
        Tensor("attn.sinks", source.num_heads, split=True),
        replicated("mlp.router", hidden, count, bias=True, quantized=False),
        experts("mlp.experts", count, hidden, source.intermediate_size, bias=True),
        *norms(hidden, *TWO_NORMS),
    )

    def layer(is_full: bool) -> Layer:
        attends = attention(
            source, "attn", rotary, bias=True, out_bias=True, window=None if is_full else window
        )
        return layer_of(*attends, *rest)

    return language_model(
        source,
        each_kind((index % 2 == 1 for index in range(source.num_layers)), layer),
        tied=source.is_tied(),
        embedding="model.embedding",
        on_every_rank=EDGES,
    )


def privacy_filter(source: Source) -> Weights:
    """OpenAI's privacy filter: gpt-oss whose tokens see each other both ways, a float32 score per label."""
    text = source.text
    if not text.has("rope_parameters", "rope_scaling"):
        values = {**text.values, "rope_parameters": _PRIVACY_ROPE}
        source = replace(source, text=ConfigReader(values, text.name, text.path, text.defaults))
    return tagged(uncached(embedder(gpt_oss)), default=_PRIVACY_LABELS)(source)


PRIVACY_FILTER = Family(privacy_filter, is_pooling=True, is_pipelined=False)
