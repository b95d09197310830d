"""How parts are divided over tensor, expert and pipeline ranks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.parts import Buffer, Embedding, Experts, Linear, Tensor
from vllm_costmeter.core.model.rank import Output, Rank
from vllm_costmeter.core.model.tensors import tally
from vllm_costmeter.core.model.weights import Layer, Weights
from vllm_costmeter.core.quantization.scheme import UNQUANTISED
from vllm_costmeter.core.release import release_of

TABLE = Buffer("rotary", 1000, shared=True)
LAYER = Layer((Linear("mlp.up", 64, (Output(128),), "column"), TABLE))
MODEL = Weights(
    layers=(LAYER,) * 5,
    layer_prefix="model.layers.{}.",
    first=(Embedding("embed", 100, 64),),
    last=(Tensor("norm", 64), Embedding("lm_head", 100, 64, quantized=True)),
    towers=(Tensor("vision", 7),),
)

HALVES = EngineArgs(layout=ParallelConfig(pipeline_parallel_size=2))
BEFORE_0_33 = replace(MODEL, release=release_of("0.32.0"))


def size(part: Linear | Experts | Embedding | Tensor, **rank: int) -> int:
    return tally((part,), "", Rank(**rank), UNQUANTISED).bytes


def test_more_pipeline_ranks_than_layers_are_refused() -> None:
    """A rank without a layer is none that vLLM starts."""
    layers = len(MODEL.layers)
    engine_args = EngineArgs(layout=ParallelConfig(pipeline_parallel_size=layers + 1))
    with pytest.raises(BadInputError, match="pipeline"):
        MODEL.bytes_per_pipeline_rank(engine_args, "bfloat16")


def test_edges_tables_and_towers_lie_where_vllm_puts_them() -> None:
    """Embedding first, norm and head last, a shared table once per rank, the tower on each up to 0.32."""
    first, last = BEFORE_0_33.bytes_per_pipeline_rank(HALVES, "bfloat16")
    layer, table, tower, embedding = 2 * 64 * 128, 2000, 14, 2 * 128 * 64
    assert first == embedding + 2 * layer + table + tower + layer
    assert last == 2 * layer + table + tower + embedding + 128


@pytest.mark.parametrize(
    ("flags", "is_on_first"),
    [
        ({}, True),
        ({"second_runner": False}, False),
        ({"speculative_config": {"method": "suffix"}}, False),
        ({"speculative_config": {"method": "mtp"}}, True),
    ],
)
def test_the_second_runner_of_0_33_has_the_tower_on_the_first_rank(
    flags: dict[str, Any], is_on_first: bool
) -> None:
    """`_mark_tower_model` builds none on the others; the first runner still does."""
    before = BEFORE_0_33.bytes_per_pipeline_rank(HALVES, "bfloat16")
    first, last = MODEL.bytes_per_pipeline_rank(replace(HALVES, **flags), "bfloat16")
    assert (before[0] - first, before[1] - last) == (0, 14 if is_on_first else 0)


@pytest.mark.parametrize(("release", "tower"), [("0.28.0", 14), ("0.29.0", 0)])
def test_what_is_outside_the_layers_is_not_offloaded(release: str, tower: int) -> None:
    """Embedding, norm and head of each rank; the towers from 0.29 on."""
    model = replace(MODEL, release=release_of(release))
    edges, embedding = (2 * 128 * 64, 2 * 128 * 64 + 128), 2 * 128 * 64
    assert model.resident_bytes_per_pipeline_rank(HALVES, "bfloat16") == tuple(each + tower for each in edges)
    assert model.resident_bytes_per_pipeline_rank(EngineArgs(), "bfloat16") == (embedding + edges[1] + tower,)


def test_a_tied_head_is_the_embedding_and_a_copy_on_another_rank() -> None:
    """One rank holds it once; of two ranks each holds it."""
    tied = Weights((LAYER,) * 2, "l.{}.", (Embedding("embed", 64, 64),), (), is_tied=True)
    (alone,) = tied.bytes_per_pipeline_rank(EngineArgs(), "bfloat16")
    halves = tied.bytes_per_pipeline_rank(
        EngineArgs(layout=ParallelConfig(pipeline_parallel_size=2)), "bfloat16"
    )
    assert sum(halves) == alone + 2 * 64 * 64 + 2000


def test_the_language_model_alone_leaves_the_tower_out() -> None:
    """--language-model-only saves exactly the tower."""
    (whole,) = MODEL.bytes_per_pipeline_rank(EngineArgs(), "bfloat16")
    (alone,) = MODEL.bytes_per_pipeline_rank(EngineArgs(language_model_only=True), "bfloat16")
    assert whole - alone == 14


@pytest.mark.parametrize(
    ("limits", "loaded"),
    [({"image": 0, "video": 0}, False), ({"image": 0}, True), ({"image": 2, "video": 0}, True), (None, True)],
)
def test_a_tower_whose_inputs_are_all_forbidden_is_left_out(
    limits: dict[str, int] | None, loaded: bool
) -> None:
    """`--limit-mm-per-prompt` of 0 for images and video: vLLM builds no tower."""
    (size_in_bytes,) = MODEL.bytes_per_pipeline_rank(EngineArgs(limit_mm_per_prompt=limits), "bfloat16")
    (whole,) = MODEL.bytes_per_pipeline_rank(EngineArgs(), "bfloat16")
    assert (size_in_bytes == whole) is loaded


def test_key_value_heads_repeat_when_ranks_outnumber_them() -> None:
    """Two KV heads on eight ranks: each holds one; on three ranks vLLM refuses."""
    heads = Linear("qkv", 10, (Output(8, 4), Output(2, 4, replicated=True)), "column")
    assert size(heads, tensor_parallel_size=8) == 2 * 10 * (4 + 4)
    with pytest.raises(BadInputError, match="does not divide"):
        size(heads, tensor_parallel_size=3)


def test_a_vocabulary_is_padded_to_64_rows_before_it_is_shared_out() -> None:
    """100 rows are 128, 16 on each of eight ranks."""
    assert size(Embedding("embed", 100, 10), tensor_parallel_size=8) == 2 * 16 * 10


def test_experts_are_dealt_out_or_cut() -> None:
    """Expert parallelism gives whole experts, the fullest rank one more; otherwise every rank has a slice of each."""
    experts = Experts("experts", 10, 16, 32)
    assert size(experts, expert_parallel_size=4) == 2 * 3 * 3 * 16 * 32
    assert size(experts, expert_tensor_parallel_size=4) == 2 * 10 * 3 * 16 * 8


def test_a_method_on_top_of_another_is_not_guessed() -> None:
    """A flag names the checkpoint's own method or an online one for a plain checkpoint; anything else is unknown."""
    plain = MODEL.bytes_per_pipeline_rank(EngineArgs(), "bfloat16")
    assert MODEL.bytes_per_pipeline_rank(EngineArgs(quantization="fp8"), "bfloat16") < plain
    with pytest.raises(NotUnderstoodError, match="gguf"):
        MODEL.bytes_per_pipeline_rank(EngineArgs(quantization="gguf"), "bfloat16")


def test_an_answer_remembered_is_the_answer_of_its_own_plan() -> None:
    """Asking for one layout does not change what another, or another model, answers."""
    plans = [
        EngineArgs(),
        EngineArgs(dtype="float32"),
        EngineArgs(quantization="fp8"),
        EngineArgs(layout=ParallelConfig(2)),
        EngineArgs(),
    ]
    answers = [MODEL.bytes_per_pipeline_rank(engine_args, "bfloat16") for engine_args in plans]
    assert answers[0] == answers[-1]
    assert len(set(answers)) == 4
    lighter = replace(MODEL, towers=())
    assert lighter.bytes_per_pipeline_rank(EngineArgs(), "bfloat16")[0] == answers[0][0] - 14
