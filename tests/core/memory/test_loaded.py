"""What a rank holds once the model is loaded."""

from __future__ import annotations

from typing import Any, cast

from example_models import FixedWeights, llama

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.memory.loaded import loaded_ranks
from vllm_costmeter.core.model.drafter import Drafter


def test_a_draft_model_is_added_to_the_last_rank() -> None:
    """vLLM builds it on the last pipeline rank alone, whole (v1/spec_decode, 0.17 to 0.33)."""
    drafts = {"model": "org/draft", "num_speculative_tokens": 2}
    args = EngineArgs(layout=ParallelConfig(pipeline_parallel_size=2), speculative_config=drafts)
    drafter = Drafter(cast(Any, FixedWeights(1000)), "bfloat16", ())
    with_drafter = loaded_ranks(llama().drafted_by(drafter, drafts), args)
    alone = loaded_ranks(llama(), args)
    added = [one.tensor_bytes - other.tensor_bytes for one, other in zip(with_drafter, alone, strict=True)]
    assert added == [0, 1000]
