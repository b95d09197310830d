"""Families that the installed vLLM does not build: those of 0.33, and those whose configuration class is the
checkpoint's own code. Their sizes are counted by hand from vLLM's model code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.attention import FullAttention
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config import model_from_config
from vllm_costmeter.sources.models.local import local_model

LINES = Path(__file__).parents[2] / "data" / "families_vllm_0.32.jsonl"


def recorded(name: str, architecture: str, **changed: Any) -> dict[str, Any]:
    """The configuration of a recorded line, as another class would be served with it."""
    line = next(found for text in LINES.open() if (found := json.loads(text))["name"] == name)
    config = {key: value for key, value in line["config"].items() if key != "quantization_config"}
    return {**config, "architectures": [architecture], **changed}


def parameters(model: Model) -> int:
    assert isinstance(model.weights, Weights)
    return model.weights.parameters


def test_gte_multilingual_reranker_base() -> None:
    """Alibaba-NLP/gte-multilingual-reranker-base: 306 M parameters; the pooler and the score are float32."""
    config = {
        "architectures": ["GteNewForSequenceClassification"],
        "model_type": "new",
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "vocab_size": 250048,
        "type_vocab_size": 1,
        "max_position_embeddings": 8192,
        "id2label": {"0": "LABEL_0"},
        "torch_dtype": "float16",
    }
    assert parameters(model_from_config(config, "gte")) == 305_959_681


@pytest.mark.parametrize("architecture", ["ColBERTJinaRobertaModel", "XLMRobertaModel"])
def test_jina_encoders(architecture: str) -> None:
    """jinaai/jina-colbert-v2: 559 M parameters; jina-embeddings-v3 is the same encoder without the projection."""
    config = {
        "architectures": [architecture],
        "model_type": "xlm-roberta",
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "vocab_size": 250002,
        "type_vocab_size": 1,
        "max_position_embeddings": 8194,
        "position_embedding_type": "rotary",
        "dim": 128,
        "torch_dtype": "bfloat16",
    }
    projection = 1024 * 128 if architecture.startswith("ColBERT") else 0
    assert parameters(model_from_config(config, "jina")) == 558_314_496 + projection


def test_an_encoder_of_absolute_positions_stays_one() -> None:
    """XLM-R of the same name has a table of positions instead of a rotary one."""
    plain = recorded("nomic-bert", "XLMRobertaModel", position_embedding_type="absolute")
    rotary = {**plain, "position_embedding_type": "rotary", "type_vocab_size": 2}
    table, scales = 2048 * 512, 4 * 4  # BERT counts its four scales per layer
    assert (
        parameters(model_from_config(plain, "x")) - parameters(model_from_config(rotary, "x"))
        == table + scales
    )


def test_a_bidirectional_lfm2_keeps_no_state() -> None:
    """The same parameters as LFM2, whose head is its embedding; convolutions and attention see the whole prompt."""
    both_ways = model_from_config(recorded("lfm2", "Lfm2BidirectionalModel"), "lfm2")
    assert parameters(both_ways) == parameters(model_from_config(recorded("lfm2", "Lfm2ForCausalLM"), "lfm2"))
    assert both_ways.attention.layers == ()
    assert both_ways.is_pooling


def qwen3_5(architecture: str, **changed: Any) -> dict[str, Any]:
    return recorded("qwen35-gptq", architecture, **changed)


CODES = {"decision_config": {"codes": ["A", "B", "C"], "attention_mode": "causal"}}


def test_decision_3_scores_its_codes() -> None:
    """Qwen 3.5 with a float32 row per answer code instead of the output head."""
    base = model_from_config(qwen3_5("Qwen3_5ForConditionalGeneration"), "q")
    scored = model_from_config(qwen3_5("D3ForSequenceClassification", **CODES), "q")
    vocab, hidden = base.sizes.vocab_size, base.sizes.hidden_size
    head = 0 if base.is_tied else vocab * hidden
    assert parameters(scored) == parameters(base) - head + 3 * hidden
    assert scored.is_pooling


def test_decision_3_may_attend_both_ways() -> None:
    """Layers of full attention then cache nothing, delta nets keep their states."""
    both_ways = {"decision_config": {"codes": ["A"], "attention_mode": "noncausal_full_attention"}}
    model = model_from_config(qwen3_5("D3ForSequenceClassification", **both_ways), "q")
    held = [cache for layer in model.attention.layers for cache in layer]
    assert held
    assert not any(isinstance(cache, FullAttention) for cache in held)


def test_decision_3_needs_its_codes() -> None:
    """vLLM refuses a checkpoint without decision_config.json."""
    with pytest.raises(NotUnderstoodError, match=r"decision_config\.json is missing"):
        model_from_config(qwen3_5("D3ForSequenceClassification"), "q")


HEAD = {"hidden_size": 256, "width": 96, "routing_layers": 2, "layers": 3, "heads": 4, "feedforward": 160}


def test_a_file_beside_config_json_makes_a_clef(tmp_path: Path) -> None:
    """vLLM serves a Qwen 3.5 with joint_head_config.json by another class, which adds a head."""
    config = qwen3_5("Qwen3_5ForConditionalGeneration")
    (tmp_path / "config.json").write_text(json.dumps(config))
    plain = local_model(tmp_path)
    (tmp_path / "joint_head_config.json").write_text(json.dumps(HEAD))
    clef = local_model(tmp_path)
    assert (clef.architecture, clef.is_pooling) == ("ClefFlashForJointSchema", True)
    attends, mlp = 4 * 96 * 97, 2 * 96 * 160 + 160 + 96
    evidence, layer = attends + mlp + 6 * 96, 2 * attends + mlp + 6 * 96
    rest = 2 * 256 + 6 * 256 * 96 + 3 * 96 + 6 * 96 + 4 * 96 * 96 + 2 * 96 + 1 + 3
    assert parameters(clef) - parameters(plain) == 2 * evidence + 3 * layer + rest


def parse3_5(**decoder: Any) -> dict[str, Any]:
    """Nemotron Parse 3.5, small: fewer KV heads, a neck as wide as the decoder."""
    config = recorded("nemotron-parse", "RadioMBartPrefixForCausalLM", vision_spatial_dim=384)
    stated = {"causal_vision_prefix": True, "self_attention_kv_heads": 4, "tie_word_embeddings": True}
    return {**config, "vision_summary_dim": 768, "decoder": {**config["decoder"], **stated, **decoder}}


def test_nemotron_parse_3_5_reads_the_picture_before_the_text() -> None:
    """Against version 1: no cross attention, KV heads of its own, the decoder's own MLP."""
    old = model_from_config(recorded("nemotron-parse-tied", "NemotronParseForConditionalGeneration"), "p")
    new = model_from_config(parse3_5(), "p")
    assert new.attention.layers == ((FullAttention(4, 64),),) * 2
    assert not new.is_encoder_decoder
    width, layers = 1024, 2
    crossing = 4 * width * (width + 1) + 2 * width
    fewer = 2 * (width - 4 * 64) * (width + 1)
    wider = (320 - 256) * (2 * width + 1)
    neck = (1280 - 384) * width + (3840 - 768) * width
    towers = parameters(
        model_from_config(recorded("nemotron-parse", "NemotronParseForConditionalGeneration"), "p")
    )
    old_tied = towers - 1000 * width
    assert parameters(new) == old_tied - layers * (crossing + fewer - wider) - neck
    assert parameters(old) != old_tied  # another tower


def test_nemotron_parse_3_5_predicts_with_two_matrices() -> None:
    """Its one prediction step has no layer and no cache."""
    predictor = model_from_config(parse3_5(), "p").prediction
    assert predictor is not None
    assert predictor.layers == ()
    assert parameters_of(predictor.weights) == 1000 * 1024 + 2 * 1024 * 1025


def parameters_of(weights: object) -> int:
    assert isinstance(weights, Weights)
    return weights.parameters
