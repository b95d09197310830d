"""A usage row divided into charges."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ledgers import usage

from vllm_costmeter.core.ledger.charges import charges
from vllm_costmeter.core.ledger.model_identity import model_identity
from vllm_costmeter.core.ledger.usage import Usage


@pytest.mark.parametrize(
    "spent",
    [
        usage(1.0),
        usage(0.1, prefill_usd=0.0, decode_usd=0.0),
        usage(0.7, prefill_usd=0.1, decode_usd=0.2, active_overhead_usd=1 / 3, asleep_rental_usd=1e-9),
        usage(1e5 / 3, prompt_cached_tokens=10),
    ],
)
def test_charges_add_up_to_the_row_exactly(spent: Usage) -> None:
    """By state and component, in decimal."""
    found = list(charges(spent))
    for state in ("active", "idle", "asleep"):
        for component in ("rental", "depreciation", "electricity", "overhead"):
            parts = [each.usd for each in found if (each.state, each.component) == (state, component)]
            assert sum(parts, Decimal(0)) == Decimal(repr(spent.cost_usd(state, component)))


def test_active_cost_is_divided_by_kind_of_token() -> None:
    """A quarter is prefill; cached tokens are counted and cost nothing; the rest of the state's hours too."""
    found = {
        each.token_kind: each
        for each in charges(usage(1.0, prompt_cached_tokens=7))
        if each.state == "active"
    }
    assert set(found) == {"input", "cached_input", "output"}
    assert (found["input"].usd, found["input"].tokens) == (Decimal("0.25"), 600)
    assert (found["cached_input"].usd, found["cached_input"].tokens) == (0, 7)
    assert (found["output"].usd, found["output"].tokens) == (Decimal("0.75"), 100)
    assert sum(each.gpu_hours for each in found.values()) == pytest.approx(Decimal(40) / 3600)


def test_cost_of_no_phase_stays_undivided() -> None:
    """A model whose work is not known, and the part that was not split."""
    assert [each.token_kind for each in charges(usage(1.0, prefill_usd=0.0, decode_usd=0.0))] == [None, None]
    parts = [(each.token_kind, each.usd) for each in charges(usage(1.0, prefill_usd=0.25, decode_usd=0.25))]
    assert parts[:3] == [("input", Decimal("0.25")), ("output", Decimal("0.25")), (None, Decimal("0.5"))]


@pytest.mark.parametrize(
    ("name", "developer", "family"),
    [
        ("Qwen/Qwen3-8B", "Qwen", "Qwen"),
        ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama", "Llama"),
        ("openai/gpt-oss-20b", "openai", "gpt-oss"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "deepseek-ai", None),
        ("/models/Qwen3-8B", None, "Qwen"),
        ("./a/b", None, None),
        ("chat", None, None),
        ("sapphire", None, None),
    ],
)
def test_who_made_a_model(name: str, developer: str | None, family: str | None) -> None:
    """As far as its name says so."""
    assert model_identity(name) == (developer, family)
