"""What recurrent mixers and cross attention cache, read from config.json."""

from __future__ import annotations

from model_layers import kinds, layers

from vllm_costmeter.core.model.attention import (
    CrossAttention,
    FullAttention,
    GatedDeltaState,
    KimiDeltaState,
    LightningState,
    Mamba2State,
    MlaLatent,
    ShortConvState,
)


def test_hybrids_name_their_recurrent_layers() -> None:
    """Gated delta nets, Mamba 2, Kimi delta, lightning and short convolutions beside attention."""
    assert kinds("Qwen3NextForCausalLM") == [GatedDeltaState] * 3 + [FullAttention]
    assert kinds("NemotronHForCausalLM", hybrid_override_pattern="M-*E", n_routed_experts=4) == [
        Mamba2State,
        FullAttention,
    ]
    latent = {"kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128}
    linear = {"full_attn_layers": [4], "kda_layers": [1, 2, 3], "num_heads": 32, "head_dim": 128}
    kimi = kinds("KimiLinearForCausalLM", linear_attn_config=linear, **latent)
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
    whisper = {
        "hidden_size": None,
        "num_hidden_layers": None,
        "d_model": 1280,
        "decoder_layers": 2,
        "decoder_attention_heads": 20,
        "decoder_ffn_dim": 64,
        "encoder_layers": 2,
        "encoder_attention_heads": 20,
        "encoder_ffn_dim": 64,
        "num_mel_bins": 80,
        "max_source_positions": 1500,
        "max_target_positions": 448,
    }
    expected = ((FullAttention(20, 64), CrossAttention(20, 64)),) * 2
    assert layers("WhisperForConditionalGeneration", **whisper) == expected
