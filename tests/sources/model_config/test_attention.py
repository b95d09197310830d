"""What a model caches, read from its config.json."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_layers import kinds, layers

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.attention import (
    ChunkedLocal,
    FullAttention,
    MlaLatent,
    SlidingWindow,
    SparseIndexer,
)
from vllm_costmeter.sources.model_config import model_from_config
from vllm_costmeter.sources.model_config.families.registry import ARCHITECTURES

MODELS = Path(__file__).parents[2] / "data" / "models"


def published(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((MODELS / name / "config.json").read_text())
    return values


def test_a_plain_decoder_has_equal_full_layers() -> None:
    """Head size from the hidden size where it is not stated."""
    assert layers("LlamaForCausalLM") == ((FullAttention(8, 128),),) * 4


def test_missing_kv_heads_mean_as_many_as_query_heads() -> None:
    """Multi-head attention of the older files."""
    assert layers("LlamaForCausalLM", num_key_value_heads=None)[0] == (FullAttention(32, 128),)


def test_a_stated_window_holds_for_every_layer_unless_it_is_off() -> None:
    """Mistral 7B v0.1 has one everywhere; Qwen states one and switches it off."""
    assert layers("MistralForCausalLM", sliding_window=4096) == ((SlidingWindow(8, 128, 4096),),) * 4
    off = layers("Qwen2ForCausalLM", sliding_window=32768, use_sliding_window=False)
    assert off == ((FullAttention(8, 128),),) * 4


def test_layer_types_say_which_layers_have_the_window() -> None:
    """A list per layer wins over the model-wide window; an unknown kind is unknown."""
    mixed = ["sliding_attention", "full_attention"] * 2
    assert (
        kinds("Qwen3ForCausalLM", sliding_window=512, layer_types=mixed) == [SlidingWindow, FullAttention] * 2
    )
    with pytest.raises(NotUnderstoodError, match="quantum_attention"):
        layers("Qwen3ForCausalLM", sliding_window=512, layer_types=["quantum_attention"] * 4)


def test_where_windows_alternate_the_file_must_say_where() -> None:
    """EXAONE 4 mixes windows and full attention: without `layer_types` there is no answer."""
    with pytest.raises(NotUnderstoodError, match="layer_types"):
        layers("Exaone4ForCausalLM", sliding_window=4096)


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("Gemma2ForCausalLM", [SlidingWindow, FullAttention, SlidingWindow, FullAttention]),
        ("Gemma3ForCausalLM", [SlidingWindow] * 4),
        ("GptOssForCausalLM", [SlidingWindow, FullAttention, SlidingWindow, FullAttention]),
        ("Cohere2ForCausalLM", [SlidingWindow, SlidingWindow, SlidingWindow, FullAttention]),
        ("Llama4ForCausalLM", [ChunkedLocal, ChunkedLocal, ChunkedLocal, FullAttention]),
    ],
)
def test_a_family_knows_its_own_pattern(architecture: str, expected: list[type]) -> None:
    """Files that state no pattern follow the one of the family's code."""
    assert kinds(architecture, sliding_window=512) == expected


def test_command_r_sees_one_token_more_than_it_states() -> None:
    """vLLM widens Cohere's window by one to match the training."""
    assert layers("Cohere2ForCausalLM", sliding_window=4096)[0] == (SlidingWindow(8, 128, 4097),)


def test_gemma_4_shares_the_caches_of_its_last_layers() -> None:
    """Layers that read an earlier layer's cache have none of their own; global layers have wider heads."""
    shared = layers(
        "Gemma4ForCausalLM",
        head_dim=256,
        num_kv_shared_layers=2,
        layer_types=["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
    )
    assert shared == ((SlidingWindow(8, 256, 512),), (FullAttention(8, 512),), (), ())


def test_blocks_without_attention_have_no_cache() -> None:
    """Nemotron NAS states attention per block; KV heads are query heads over those of a group."""
    blocks = [{"attention": {"n_heads_in_group": 8}}, {"attention": {"no_op": True}}]
    found = layers("DeciLMForCausalLM", block_configs=blocks, num_hidden_layers=2)
    assert found == ((FullAttention(4, 128),), ())


def test_glm_5_2_carries_an_indexer_in_21_of_78_layers() -> None:
    """The other layers share the choice of the one before."""
    counts = Counter(
        type(cache)
        for caches in model_from_config(published("zai-org__GLM-5.2-FP8"), "GLM-5.2").attention.layers
        for cache in caches
    )
    assert counts == {MlaLatent: 78, SparseIndexer: 21}


def test_embedders_keep_nothing() -> None:
    """An encoder sees its whole input at once."""
    assert layers("BertModel") == ()


def test_a_vision_model_is_read_by_its_language_model() -> None:
    """By the architecture or the model type of its text section, with what the file leaves out filled in."""
    text = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    vision = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    values = {"architectures": ["LlavaForConditionalGeneration"], "vision_config": vision}
    wrapped = model_from_config({**values, "text_config": text}, "config.json").attention.layers
    assert wrapped == ((FullAttention(32, 128),),) * 32
    with pytest.raises(NotUnderstoodError, match="unheard_of"):
        model_from_config({**values, "text_config": {"model_type": "unheard_of"}}, "config.json")


def test_an_unknown_architecture_is_never_guessed() -> None:
    """Not even when its file looks like a Llama's."""
    with pytest.raises(NotUnderstoodError, match="Step9ForCausalLM"):
        layers("Step9ForCausalLM")


def test_what_an_architecture_needs_is_asked_for_by_name() -> None:
    """The message names the missing key."""
    with pytest.raises(BadInputError, match="num_hidden_layers"):
        layers("LlamaForCausalLM", num_hidden_layers=None)


def test_at_most_three_published_models_are_unknown() -> None:
    """Of 75 files, the one whose architecture vLLM 0.32 does not have and two repackaged ones that it refuses."""
    unknown = []
    for path in sorted(MODELS.glob("*/config.json")):
        try:
            model_from_config(json.loads(path.read_text()), path.parent.name)
        except NotUnderstoodError:
            unknown.append(path.parent.name)
    assert unknown == [
        "sgl-project__DeepSeek-V4-Flash-FP8",
        "sgl-project__DeepSeek-V4-Pro-FP8",
        "stepfun-ai__Step-3.7-Flash-FP8",
    ]


FILES = [json.loads(path.read_text()) for path in sorted(MODELS.glob("*/config.json"))[::5]]
JUNK = st.sampled_from([None, -1, 0, 1e308, 1 << 62, "x", "", [], [None], {}, {"a": 1}, True, [1] * 5])


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_broken_file_gives_facts_or_one_clear_error(data: st.DataObject) -> None:
    """Fields removed or retyped: never a traceback of another kind, never an endless tuple."""
    values = json.loads(json.dumps(data.draw(st.sampled_from(FILES))))
    section = values.get("text_config") if isinstance(values.get("text_config"), dict) else values
    for key in data.draw(st.lists(st.sampled_from(sorted(section)), max_size=4)):
        section[key] = data.draw(JUNK)
    values["architectures"] = [data.draw(st.sampled_from(sorted(ARCHITECTURES)))]
    try:
        model = model_from_config(values, "config.json").attention
    except (BadInputError, NotUnderstoodError) as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert len(model.layers) <= 4096
