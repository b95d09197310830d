"""Mamba 1 and 2, Falcon-Mamba: recurrent layers alone (vLLM 0.32)."""

from __future__ import annotations

from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.sources.model_config.families.blocks import norms
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.hybrid.mixers import mamba1, mamba2, time_step_rank
from vllm_costmeter.sources.model_config.families.layers import EDGES, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source


def mamba_1(source: Source) -> Weights:
    """Mamba and Falcon-Mamba, whose extra norms have no weights."""
    text = source.text
    mixer = mamba1(
        source,
        "mixer",
        inner=text.int("intermediate_size", minimum=1),
        state=text.int("state_size", default=16, minimum=1),
        kernel=text.int("conv_kernel", default=4, minimum=1),
        rank=time_step_rank(source, "time_step_rank"),
        bias=text.bool("use_bias", default=False),
        conv_bias=text.bool("use_conv_bias", default=True),
    )
    return _backbone(source, layer_of(*mixer, *norms(source.hidden_size, "norm")), tied=True)


def mamba_2(source: Source) -> Weights:
    """Mamba 2 and Codestral Mamba."""
    text = source.text
    mixer = mamba2(
        source,
        "mixer",
        heads=text.int("num_heads", default=128, minimum=1),
        head_size=text.int("head_dim", default=64, minimum=1),
        groups=text.int("n_groups", default=8, minimum=1),
        state_size=text.int("state_size", default=128, minimum=1),
        kernel=text.int("conv_kernel", default=4, minimum=1),
        bias=text.bool("use_bias", default=False),
        conv_bias=text.bool("use_conv_bias", default=True),
    )
    return _backbone(source, layer_of(*mixer, *norms(source.hidden_size, "norm")), tied=False)


def _backbone(source: Source, layer: Layer, *, tied: bool) -> Weights:
    return language_model(
        source,
        [layer] * source.num_layers,
        tied=source.is_tied(tied),
        embedding="backbone.embeddings",
        layer_prefix="backbone.layers.{}.",
        on_every_rank=EDGES,
    )


MAMBA_2 = Family(mamba_2, is_pipelined=False)
