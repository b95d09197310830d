"""The context that a draft model of fewer tokens leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_models import llama

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.drafted_length import drafted_length
from vllm_costmeter.core.model.draft_facts import DraftFacts
from vllm_costmeter.core.release import release_of

DRAFT = DraftFacts("Qwen3ForCausalLM", "qwen3", 152_000, False, True, max_model_len=40_960)
DRAFTED = replace(llama(), draft_facts=DRAFT)
ASKED = EngineArgs(speculative_config={"method": "draft_model", "model": "a", "num_speculative_tokens": 5})


@pytest.mark.parametrize(("asked", "served"), [(None, None), (-1, -1), (131_072, 40_960), (40_961, 40_960)])
def test_the_draft_models_length_is_served(asked: int | None, served: int | None) -> None:
    """From 0.33 on, whatever was asked for, and a note says so; `auto` may still be shorter."""
    model, flags, notes = drafted_length(DRAFTED, replace(ASKED, max_model_len=asked), release_of("0.33.0"))
    assert (model.max_model_len, model.default_max_model_len, flags.max_model_len) == (40_960, 40_960, served)
    (note,) = notes
    assert note.startswith("vLLM 0.33.0 serves at most the draft model's 40,960 tokens of context, not ")


def test_a_shorter_context_may_be_stated_for_the_draft() -> None:
    """`max_model_len` of --speculative-config limits the whole server too."""
    asked = replace(ASKED, speculative_config={**(ASKED.speculative_config or {}), "max_model_len": 8192})
    model, _, notes = drafted_length(DRAFTED, asked, release_of("0.33.0"))
    assert (model.max_model_len, len(notes)) == (8192, 1)


def test_a_head_whose_positions_are_fixed_limits_too() -> None:
    """By its own length; the note calls it a head."""
    head = replace(DRAFT, architecture="LlamaForCausalLMEagle3", is_head=True, max_model_len=8192)
    asked = EngineArgs(speculative_config={"method": "eagle3", "model": "a", "num_speculative_tokens": 3})
    model, _, (note,) = drafted_length(replace(llama(), draft_facts=head), asked, release_of("0.33.0"))
    assert model.default_max_model_len == 8192
    assert note.startswith("vLLM 0.33.0 serves at most the head's 8,192 tokens of context, not ")


def test_nothing_else_is_limited() -> None:
    """An older release, the first runner, a shorter context, other heads, prediction layers, no drafter."""
    new, asked = release_of("0.33.0"), replace(ASKED, max_model_len=131_072)
    head = replace(llama(), draft_facts=replace(DRAFT, is_head=True, max_model_len=None))
    for model, flags, release in (
        (DRAFTED, asked, release_of("0.32.0")),
        (DRAFTED, replace(asked, second_runner=False), new),
        (DRAFTED, replace(asked, max_model_len=40_960), new),
        (head, asked, new),
        (replace(llama(), draft_facts=replace(DRAFT, predicts=True)), asked, new),
        (llama(), EngineArgs(), new),
    ):
        assert drafted_length(model, flags, release) == (model, flags, ())
