"""The JSON of a fit check."""

from __future__ import annotations

import json

from example_models import ADA, llama, not_understood

from vllm_costmeter.core.fit import fit
from vllm_costmeter.core.plan import Layout, Plan
from vllm_costmeter.outputs.check_json import engine_json, to_json, to_json_text, unknown_json_text


def test_an_unknown_answer_has_no_bytes() -> None:
    """What was not computed is absent, not zero."""
    found = to_json(fit(llama(fault=not_understood()), ADA, Plan()))
    assert found["verdict"] == "unknown"
    assert {"per_gpu_bytes", "kv_cache", "max_model_len_that_fits"}.isdisjoint(found)


def test_the_engine_holds_every_flag_resolved() -> None:
    """A flag of the plan under its own name, defaults filled in, the layout flat."""
    plan = Plan(layout=Layout(tensor_parallel_size=1), cudagraph_capture_sizes=(1, 2), max_model_len=99)
    engine = engine_json(fit(llama(), ADA, plan))
    assert engine["cudagraph_capture_sizes"] == [1, 2]
    assert (engine["max_model_len"], engine["max_num_seqs"], engine["dtype"]) == (99, 256, "bfloat16")
    assert set(Plan.__dataclass_fields__) - {"layout"} <= set(engine)


def test_text_is_the_same_as_json() -> None:
    """One document, parseable."""
    result = fit(llama(), ADA, Plan(max_model_len=4096))
    assert json.loads(to_json_text(result)) == json.loads(json.dumps(to_json(result)))


def test_a_model_that_could_not_be_read_still_answers() -> None:
    """Pipelines parse a verdict, not stderr."""
    found = json.loads(unknown_json_text("org/model", "why"))
    assert (found["verdict"], found["model"], found["message"]) == ("unknown", {"id": "org/model"}, "why")
