"""HunYuan-VL by vLLM's Transformers backend."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.model.attention import FullAttention
from vllm_costmeter.core.quantization.scheme import KernelTarget
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import model_from_config

TEXT = {
    "model_type": "hunyuan_vl_text",
    "hidden_size": 512,
    "intermediate_size": 640,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
    "max_position_embeddings": 2048,
}
VISION = {
    "hidden_size": 192,
    "intermediate_size": 320,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "patch_size": 16,
    "max_image_size": 256,
    "text_hidden_size": 512,
}
CONFIG = {
    "architectures": ["HunYuanVLForConditionalGeneration"],
    "model_type": "hunyuan_vl",
    "dtype": "bfloat16",
    "text_config": {**TEXT, "head_dim": 64},
    "vision_config": VISION,
}


@pytest.mark.parametrize(
    ("layout", "theirs"),
    [
        (ParallelConfig(), (11611808,)),
        (ParallelConfig(2), (7810720,)),
        (ParallelConfig(1, 2), (8331664, 8332688)),
    ],
)
def test_weights_are_what_vllm_builds(layout: ParallelConfig, theirs: tuple[int, ...]) -> None:
    """To the byte per rank: the tower is whole on each (vLLM 0.32.0 with transformers 5.19 and a stand-in for the
    model's processor, 2026-11-28)."""
    model = model_from_config(CONFIG, "config.json").on_gpu(KernelTarget(None, release_of("0.32.0")))
    assert model.weights_bytes(EngineArgs(layout=layout)) == theirs
    assert model.attention.layers == ((FullAttention(2, 64),),) * 2


def test_a_head_may_be_called_otherwise() -> None:
    """`attention_head_dim` of Tencent's files is `head_dim` (`HunYuanVLTextConfig.attribute_map`)."""
    other = {**CONFIG, "text_config": {**TEXT, "attention_head_dim": 64}}
    assert model_from_config(other, "a").parameters == model_from_config(CONFIG, "b").parameters
