"""LoRA slots against what vLLM 0.32's own LoRA layers allocate.

Each line of `lora_vllm_0.32.jsonl` is the sum of the A and B stacks (and vocabulary maps) that vLLM 0.32.0 creates for
three slots of rank 16, on the meta device, when its `from_layer` wraps the modules of one rank (2026-11).
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_models import ADA, llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.memory.loaded import loaded_ranks
from vllm_costmeter.core.memory.lora import lora_slots
from vllm_costmeter.core.model.checkpoint_weights import CheckpointWeights
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.sources.model_config import model_from_config

DATA = Path(__file__).parents[2] / "data"
LINES: list[dict[str, Any]] = [
    json.loads(line) for line in (DATA / "lora_vllm_0.32.jsonl").read_text().splitlines()
]
FAMILIES = {
    line["name"]: line["config"]
    for line in map(json.loads, (DATA / "families_vllm_0.32.jsonl").read_text().splitlines())
}


def config_of(name: str) -> dict[str, Any]:
    file = DATA / "models" / name / "config.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else FAMILIES[name]
    return found


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line['name']}-tp{line['tp']}")
def test_slots_are_what_vllm_allocates(line: dict[str, Any]) -> None:
    """To the byte, for models without routed experts."""
    model = model_from_config(config_of(line["name"]), line["name"])
    engine_args = EngineArgs(
        layout=ParallelConfig(line["tp"]), enable_lora=True, max_loras=3, max_lora_rank=16
    )
    (slots,) = lora_slots(model, engine_args)
    assert slots.low_bytes == slots.bytes == slots.high_bytes == line["lora_bytes"]


def test_slots_are_none_without_the_flag() -> None:
    """max_loras alone allocates nothing."""
    model = model_from_config(config_of("Qwen__Qwen3-0.6B"), "small")
    assert [rank.lora.high_bytes for rank in loaded_ranks(model, EngineArgs(max_loras=8))] == [0]


def test_experts_slots_are_a_range() -> None:
    """Of their slots only vLLM's code was read: their half may be there or not. Three adapters of rank 8 in 16 bits."""
    model = model_from_config(config_of("Qwen__Qwen3-30B-A3B"), "experts")
    args = EngineArgs(enable_lora=True, max_loras=3, max_lora_rank=8)
    assert isinstance(model.weights, Weights)
    (share,) = model.weights.adapter_shares(args, model.dtype)
    (slots,) = lora_slots(model, args)
    usual, half = 48 * share.values + share.fixed_bytes, 24 * share.expert_values
    assert 0 < share.expert_values < share.values
    assert (slots.low_bytes, slots.bytes, slots.high_bytes) == (usual - half, usual, usual + half)
    assert slots.rule == "3 slots of rank 8 for every layer"


def test_a_checkpoints_slots_are_those_of_its_layers() -> None:
    """Its files tell the weights' bytes; adapters follow the layers that config.json describes."""
    model = model_from_config(config_of("Qwen__Qwen3-0.6B"), "small")
    args = EngineArgs(enable_lora=True)
    read = replace(model, weights=CheckpointWeights(model.weights, 1000, 1001))
    assert lora_slots(read, args) == lora_slots(model, args)


def test_unknown_layers_have_no_known_slots() -> None:
    """An error, not 0."""
    with pytest.raises(NotUnderstoodError, match="adapter slots, are not known"):
        lora_slots(llama(), EngineArgs(enable_lora=True))


def test_pipeline_ranks_hold_the_slots_of_their_layers() -> None:
    """The embedding's on the first, the head's on the last; together as many as one rank's."""
    model = model_from_config(config_of("meta-llama__Llama-3.1-8B-Instruct"), "llama")
    engine_args = EngineArgs(layout=ParallelConfig(1, 2), enable_lora=True)
    first, last = lora_slots(model, engine_args)
    (whole,) = lora_slots(model, EngineArgs(enable_lora=True))
    assert first.bytes + last.bytes == whole.bytes
    assert first.bytes == last.bytes


@pytest.mark.parametrize("enable_lora", [False, True])
def test_slots_are_part_of_the_weights_and_all_parts_add_up(enable_lora: bool) -> None:
    """A server logs them together; with the KV cache all parts are the budget, to the byte."""
    model = model_from_config(config_of("Qwen__Qwen3-0.6B"), "small")
    args = EngineArgs(max_model_len=8192, enable_lora=enable_lora)
    (rank,) = loaded_ranks(model, args)
    use = fit(model, ADA, args, NEWEST).per_gpu
    assert use is not None
    assert use.weights_bytes == rank.tensor_bytes + rank.lora.bytes
    others = (
        use.activations_bytes + use.cuda_graphs_bytes + use.non_torch_bytes + use.kv_cache_available_bytes
    )
    assert use.budget_bytes == use.weights_bytes + others
