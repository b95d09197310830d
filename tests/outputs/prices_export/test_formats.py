"""The formats of exported prices."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from vllm_costmeter.core.economics.token_prices import ModelSpend
from vllm_costmeter.outputs.prices_export.export import PriceExport, export_json, notes, price_export
from vllm_costmeter.outputs.prices_export.langfuse import langfuse_json
from vllm_costmeter.outputs.prices_export.litellm import litellm_json

QWEN = ModelSpend("Qwen/Qwen3-8B", 3.0, 1.0, 1.0, 2.0, 1e6, 1e6, 1e6, ("sql", "shared"))
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def exported(*spends: ModelSpend) -> PriceExport:
    """At the default rules."""
    return price_export(spends, "ledger", since=NOON, until=NOON, idle="include", cached="free")


def test_litellm_has_an_entry_for_each_name_behind_its_provider() -> None:
    """The model and its adapters, at the same prices, in the keys of its map."""
    entries = json.loads(litellm_json(exported(QWEN)))
    assert set(entries) == {f"hosted_vllm/{name}" for name in ("Qwen/Qwen3-8B", "sql", "shared")}
    assert entries["hosted_vllm/sql"] == entries["hosted_vllm/Qwen/Qwen3-8B"]
    assert entries["hosted_vllm/sql"] == {
        "litellm_provider": "hosted_vllm",
        "mode": "chat",
        "input_cost_per_token": pytest.approx(4 / 3 / 1e6),
        "cache_read_input_token_cost": 0.0,
        "output_cost_per_token": pytest.approx(8 / 3 / 1e6),
        "source": "vllm-costmeter from ledger, 2026-11-21T12:00Z to 2026-11-21T12:00Z",
    }


def test_a_model_without_generated_tokens_is_an_embedding_model_for_litellm() -> None:
    """It has no output price, which is said."""
    export = exported(QWEN._replace(generated=0))
    entry = json.loads(litellm_json(export))["hosted_vllm/sql"]
    assert entry["mode"] == "embedding"
    assert "output_cost_per_token" not in entry
    assert "Qwen/Qwen3-8B: no output tokens in the period, so no output price" in notes(export)


def test_langfuse_has_a_definition_that_matches_the_name_alone() -> None:
    """With one default tier, as its API asks for; with LiteLLM's prefix or without."""
    definitions = json.loads(langfuse_json(exported(QWEN._replace(model_name="a.b+c", adapters=()))))
    (definition,) = definitions
    assert definition["modelName"] == "a.b+c"
    pattern = definition["matchPattern"]
    assert all(re.match(pattern, name) for name in ("a.b+c", "hosted_vllm/a.b+c"))
    assert not any(re.match(pattern, name) for name in ("axb+c", "a.b+cd", "xa.b+c"))
    (tier,) = definition["pricingTiers"]
    assert (tier["isDefault"], tier["priority"], tier["conditions"]) == (True, 0, [])
    assert tier["prices"]["output"] == pytest.approx(8 / 3 / 1e6)
    assert tier["prices"]["input_cached_tokens"] == 0.0


def test_an_adapter_of_two_models_at_different_prices_is_left_out() -> None:
    """Which of them serves a request is not known; the models themselves stay."""
    export = exported(QWEN, QWEN._replace(model_name="b", active_usd=9.0, adapters=("shared",)))
    assert [name for name, _ in export.by_name()] == ["Qwen/Qwen3-8B", "b", "sql"]
    assert "shared: left out: adapter of Qwen/Qwen3-8B and b, at different prices" in notes(export)


def test_json_says_what_was_divided_and_what_is_absent() -> None:
    """Tokens, bill, rules, and models without a price."""
    values = json.loads(export_json(exported(QWEN, QWEN._replace(model_name="b", active_usd=None))))
    assert values["schema"] == "costmeter.prices-export/1"
    (model,) = values["models"]
    assert (model["usd"], model["prompt_cached_tokens"], model["divided_by"]) == (4.0, 1_000_000, "phases")
    assert values["absent"] == [{"model": "b", "reason": "no price: its servers were started without one"}]
    assert any("--enable-prompt-tokens-details" in note for note in values["notes"])
