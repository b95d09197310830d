"""One table of the flags that change memory, which everything that reads or compares flags goes by."""

from __future__ import annotations

from dataclasses import fields, replace
from enum import Enum
from typing import Any

import pytest
from example_models import ADA, llama

from vllm_costmeter.core.calibration.apply import flags_of
from vllm_costmeter.core.engine.args import FLAGS, LAYOUT_FLAGS, EngineArgs, ParallelConfig, engine_args_of
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.engine.flags import SPECULATIVE_PARTS, WANTED, EngineFlag
from vllm_costmeter.core.engine.typed_flags import EngineFlags
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.release import NEWEST, release_of

OTHER: dict[str, Any] = {
    "whole": 8,
    "count": 8,
    "wholes": (1, 2),
    "length": 4096,
    "share": 0.5,
    "gibibytes": 2.0,
    "switch": True,
    "text": "float16",
    "object": {"method": "ngram", "num_speculative_tokens": 2},
    "limits": {"image": 1},
}
"""A value of each kind that is nobody's default."""


def test_every_field_is_a_flag_with_its_kind_and_effects() -> None:
    """And every flag that can be given has a name for type checkers."""
    named = {each.name for part in (ParallelConfig, EngineArgs) for each in fields(part)} - {
        "layout",
        "cudagraph_mode",
        "encodes_alone",
        "kv_cache_interleave_size",
        "video_frames",
        "cuda_graphs_in_budget",
        "chunked_local_hybrid",
        "second_runner",
        "first_runner_flags",
    }
    assert {each.field for each in (*LAYOUT_FLAGS, *FLAGS)} == named
    assert named | set(SPECULATIVE_PARTS) == set(EngineFlags.__annotations__)
    assert all(each.affects and each.help for each in (*LAYOUT_FLAGS, *FLAGS))
    assert {each.kind for each in FLAGS} <= set(WANTED)


@pytest.mark.parametrize("each", FLAGS, ids=lambda each: each.name)
def test_two_servers_share_a_record_unless_a_flag_changes_memory_beside_the_cache(each: EngineFlag) -> None:
    """The length, the budget, the blocks of caches and what only decides the start change nothing that was measured."""
    usual = EngineArgs(ParallelConfig(data_parallel_size=2, enable_expert_parallel=True))
    own = {"max_lora_rank": 32, "all2all_backend": "nixl_ep"}
    other = replace(usual, **{each.field: own.get(each.field, OTHER[each.kind])})
    recorded = [
        flags_of(llama(), resolve_engine(llama(), ADA, plan, NEWEST), plan) for plan in (usual, other)
    ]
    assert (recorded[0] == recorded[1]) == (
        each.affects <= {"length", "budget", "kv_blocks", "kv_windows", "start"}
    )


def test_a_record_tells_apart_what_changes_the_runner_and_no_default_of_a_newer_flag() -> None:
    """A server has vLLM's defaults as values, and older records lack the flag."""

    def recorded(**flags: Any) -> str:
        plan = EngineArgs(**flags)
        return flags_of(llama(), resolve_engine(llama(), ADA, plan, release_of("0.22.0")), plan)

    assert "performance_mode" not in recorded()
    assert "interactivity" in recorded(performance_mode="interactivity")
    assert recorded(first_runner_flags=("reasoning_parser",)) != recorded()
    assert (
        recorded(first_runner_flags=("enable_elastic_ep",)) == recorded()
    )  # the second of 0.22 does not ask


def test_values_are_held_as_vllm_means_them() -> None:
    """Its defaults are of other types than its flags: an int for GiB, an object for a limit, an empty one for none."""
    found = engine_args_of(
        cpu_offload_gb=0,
        cudagraph_capture_sizes=[1, 2],
        limit_mm_per_prompt={"image": {"count": 2, "width": 512}, "video": {}},
        max_loras=None,  # type: ignore[typeddict-item]
    )
    assert isinstance(found.cpu_offload_gb, float)
    assert (found.cudagraph_capture_sizes, found.max_loras) == ((1, 2), 1)
    assert found.limit_mm_per_prompt == {"image": 2, "video": 999}
    assert engine_args_of(limit_mm_per_prompt={}) == EngineArgs()


def test_gibibytes_that_no_float_holds_are_refused() -> None:
    """Python's integers have no end."""
    with pytest.raises(BadInputError, match="cpu_offload_gb"):
        engine_args_of(cpu_offload_gb=10**400)


def test_a_choice_of_vllms_own_type_is_its_name() -> None:
    """A parsed --attention-backend is a member of an enumeration whose value is a path."""
    backends = Enum("backends", {"FLASH_ATTN": "vllm.v1.attention.backends.flash_attn"})
    (flag,) = (each for each in FLAGS if each.field == "attention_backend")
    assert flag.normalised(backends["FLASH_ATTN"]) == flag.normalised("FLASH_ATTN") == "FLASH_ATTN"


def test_a_video_may_have_fewer_frames() -> None:
    """num_frames of a limit is kept beside its count; a limit without it leaves the model's own."""
    assert engine_args_of(limit_mm_per_prompt={"video": {"count": 1, "num_frames": 8}}).video_frames == 8
    assert engine_args_of(limit_mm_per_prompt={"video": 1}).video_frames is None


def test_a_misspelt_flag_is_bad_input_with_the_nearest() -> None:
    """As on the command line."""
    with pytest.raises(BadInputError, match="max_model_len"):
        engine_args_of(max_modle_len=8192)  # type: ignore[call-arg]


def test_parts_of_the_speculative_config_are_the_whole() -> None:
    """`--spec-method mtp --spec-tokens 1` is the JSON flag; a key that is given both ways is bad input."""
    whole = engine_args_of(speculative_config={"method": "mtp", "num-speculative-tokens": 1})
    assert engine_args_of(spec_method="mtp", spec_tokens=1) == whole
    assert engine_args_of(speculative_config={"method": "mtp"}, spec_tokens=1) == whole
    with pytest.raises(BadInputError, match="exclude each other"):
        engine_args_of(speculative_config={"method": "mtp"}, spec_method="ngram")
    with pytest.raises(BadInputError, match="num_speculative_tokens"):
        engine_args_of(spec_method="mtp", spec_tokens=0)
