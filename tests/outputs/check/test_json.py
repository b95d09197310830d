"""The JSON of a fit check."""

from __future__ import annotations

from example_models import ADA, llama, not_understood

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.outputs.check.json import engine_json, to_json


def test_an_unknown_answer_has_no_bytes() -> None:
    """What was not computed is absent, not zero."""
    found = to_json(fit(llama(fault=not_understood()), ADA, EngineArgs(), NEWEST))
    assert found["verdict"] == "unknown"
    assert {"per_gpu_bytes", "kv_cache", "max_model_len_that_fits"}.isdisjoint(found)


def test_the_engine_holds_every_flag_resolved() -> None:
    """A flag of the plan under its own name, defaults filled in, the layout flat."""
    engine_args = EngineArgs(
        layout=ParallelConfig(tensor_parallel_size=1), cudagraph_capture_sizes=(1, 2), max_model_len=99
    )
    engine = engine_json(fit(llama(), ADA, engine_args, NEWEST))
    assert engine["cudagraph_capture_sizes"] == [1, 2]
    assert (engine["max_model_len"], engine["max_num_seqs"], engine["dtype"]) == (99, 256, "bfloat16")
    assert set(EngineArgs.__dataclass_fields__) - {"layout"} <= set(engine)
