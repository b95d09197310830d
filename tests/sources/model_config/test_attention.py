"""What a model caches, read from its config.json."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.attention import (
    ChunkedLocal,
    CrossAttention,
    FullAttention,
    GatedDeltaState,
    KimiDeltaState,
    LightningState,
    Mamba2State,
    MlaLatent,
    ShortConvState,
    SlidingWindow,
    SparseIndexer,
)
from vllm_costmeter.sources.model_config.attention import architecture_of, attention_layers, model_attention
from vllm_costmeter.sources.model_config.attention_table import FAMILIES
from vllm_costmeter.sources.model_config.reader import ConfigReader

MODELS = Path(__file__).parents[2] / "data" / "models"
DENSE = {"hidden_size": 4096, "num_hidden_layers": 4, "num_attention_heads": 32, "num_key_value_heads": 8}


def published(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((MODELS / name / "config.json").read_text())
    return values


def layers(architecture: str, **values: Any) -> tuple[Any, ...]:
    return attention_layers(ConfigReader({**DENSE, **values}), architecture)


def kinds(architecture: str, **values: Any) -> list[type]:
    return [type(cache) for caches in layers(architecture, **values) for cache in caches]


def test_a_plain_decoder_has_equal_full_layers() -> None:
    """Head size from the hidden size where it is not stated."""
    assert layers("LlamaForCausalLM") == ((FullAttention(8, 128),),) * 4


def test_missing_kv_heads_mean_as_many_as_query_heads() -> None:
    """Multi-head attention of the older files."""
    values = {key: value for key, value in DENSE.items() if key != "num_key_value_heads"}
    assert attention_layers(ConfigReader(values), "LlamaForCausalLM")[0] == (FullAttention(32, 128),)


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
    assert layers("DeciLMForCausalLM", block_configs=blocks) == ((FullAttention(4, 128),), ())


def test_glm_5_2_carries_an_indexer_in_21_of_78_layers() -> None:
    """The other layers share the choice of the one before."""
    counts = Counter(
        type(cache)
        for caches in attention_layers(
            ConfigReader(published("zai-org__GLM-5.2-FP8")), "GlmMoeDsaForCausalLM"
        )
        for cache in caches
    )
    assert counts == {MlaLatent: 78, SparseIndexer: 21}


def test_hybrids_name_their_recurrent_layers() -> None:
    """Gated delta nets, Mamba 2, Kimi delta, lightning and short convolutions beside attention."""
    assert kinds("Qwen3NextForCausalLM") == [GatedDeltaState] * 3 + [FullAttention]
    assert kinds("NemotronHForCausalLM", hybrid_override_pattern="M-*E") == [Mamba2State, FullAttention]
    linear = {"full_attn_layers": [4], "kda_layers": [1, 2, 3], "num_heads": 32, "head_dim": 128}
    kimi = kinds("KimiLinearForCausalLM", linear_attn_config=linear, kv_lora_rank=512)
    assert kimi == [KimiDeltaState] * 3 + [MlaLatent]
    assert kinds("MiniMaxText01ForCausalLM", attn_type_list=[0, 0, 0, 1]) == [LightningState] * 3 + [
        FullAttention
    ]
    assert kinds("Lfm2ForCausalLM", layer_types=["conv", "conv", "full_attention", "conv"]) == [
        ShortConvState,
        ShortConvState,
        FullAttention,
        ShortConvState,
    ]


def test_falcon_h1_runs_both_mixers_in_every_layer() -> None:
    """One layer, two caches."""
    assert kinds("FalconH1ForCausalLM")[:2] == [FullAttention, Mamba2State]


def test_whisper_has_self_and_cross_attention() -> None:
    """Only the decoder keeps a cache."""
    whisper = {"d_model": 1280, "decoder_layers": 2, "decoder_attention_heads": 20}
    expected = ((FullAttention(20, 64), CrossAttention(20, 64)),) * 2
    assert layers("WhisperForConditionalGeneration", **whisper) == expected


def test_embedders_keep_nothing() -> None:
    """An encoder sees its whole input at once."""
    assert layers("BertModel") == ()


def test_a_vision_model_is_read_by_its_language_model() -> None:
    """By the architecture or the model type of its text section, with what the file leaves out filled in."""
    text = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    wrapped = attention_layers(ConfigReader({"text_config": text}), "LlavaForConditionalGeneration")
    assert wrapped == ((FullAttention(32, 128),),) * 32
    with pytest.raises(NotUnderstoodError, match="unheard_of"):
        attention_layers(
            ConfigReader({"text_config": {"model_type": "unheard_of"}}), "LlavaForConditionalGeneration"
        )


def test_an_unknown_architecture_is_never_guessed() -> None:
    """Not even when its file looks like a Llama's."""
    with pytest.raises(NotUnderstoodError, match="Step9ForCausalLM"):
        layers("Step9ForCausalLM")


def test_what_an_architecture_needs_is_asked_for_by_name() -> None:
    """The message names the missing key."""
    with pytest.raises(BadInputError, match="num_hidden_layers"):
        attention_layers(ConfigReader({"hidden_size": 1, "num_attention_heads": 1}), "LlamaForCausalLM")


@pytest.mark.parametrize(
    ("quantization", "expected"),
    [
        ({"quant_method": "modelopt", "kv_cache_quant_algo": "FP8"}, "fp8_e4m3"),
        ({"quant_method": "modelopt_fp4", "quantization": {"kv_cache_quant_algo": "NVFP4"}}, "nvfp4"),
        (
            {
                "quant_method": "modelopt",
                "kv_cache_scheme": {"dynamic": False, "num_bits": 8, "type": "float"},
            },
            "fp8_e4m3",
        ),
        ({"quant_method": "compressed-tensors", "kv_cache_scheme": {"num_bits": 8}}, "fp8"),
        ({"quant_method": "compressed-tensors", "kv_cache_scheme": None}, None),
        ({"quant_method": "fp8"}, None),
    ],
)
def test_a_quantized_checkpoint_may_ask_for_its_cache_dtype(
    quantization: dict[str, Any], expected: str | None
) -> None:
    """ModelOpt and llm-compressor say so in the quantization section; others never do."""
    values = {**DENSE, "quantization_config": quantization}
    assert model_attention(ConfigReader(values), "LlamaForCausalLM").kv_cache_dtype == expected


def test_at_most_three_published_models_are_unknown() -> None:
    """Of 75 files, only the one whose architecture vLLM 0.32 does not have."""
    unknown = []
    for path in sorted(MODELS.glob("*/config.json")):
        reader = ConfigReader(json.loads(path.read_text()), path.parent.name)
        try:
            model_attention(reader, architecture_of(reader))
        except NotUnderstoodError:
            unknown.append(path.parent.name)
    assert unknown == ["stepfun-ai__Step-3.7-Flash-FP8"]


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
    architecture = data.draw(st.sampled_from(sorted(FAMILIES)))
    try:
        model = model_attention(ConfigReader(values), architecture)
    except (BadInputError, NotUnderstoodError) as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert len(model.layers) <= 4096
