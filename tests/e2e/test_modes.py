"""Ways of serving in which tokens are not one per step: speculation, models that generate nothing."""

from __future__ import annotations

import json
from typing import Any

import client
import pytest
from counts import counts
from harness import METERED, USD_PER_HOUR, Serve
from patience import holds_within

from scripts.servers.scrape import scrape

pytestmark = pytest.mark.heavy

LOOKUP = {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_min": 2, "prompt_lookup_max": 4}


def test_accepted_tokens_are_generated_tokens(serve: Serve) -> None:
    """With speculation by prompt lookup several tokens leave a step: all that are accepted count, drafts do not."""
    with serve(*METERED, "--speculative-config", json.dumps(LOOKUP)) as server:
        usages: list[dict[str, Any]] = [
            client.complete(
                server.url, "again and again " * 20, max_tokens=200, temperature=0, ignore_eos=True
            )
            for _ in range(3)
        ]
        generated = sum(usage["completion_tokens"] for usage in usages)
        assert holds_within(lambda: counts(server.url)[0].generated == generated)
        ours, theirs = counts(server.url)
        assert ours == theirs
        page = scrape(server.url)
        assert page.total("vllm:spec_decode_num_accepted_tokens_total") > 10
        assert page.total("vllm:spec_decode_num_draft_tokens_total") > page.total(
            "vllm:spec_decode_num_accepted_tokens_total"
        )
        active = page.total("costmeter_cost_usd_total", state="active")
        assert page.total("costmeter_phase_cost_usd_total") == pytest.approx(active, rel=1e-6)


def test_a_pooling_model_is_priced_by_its_prompts(serve: Serve) -> None:
    """Embeddings: prompt tokens as the usage says, none generated, so no price per generated token; all active money
    is prefill's."""
    with serve(*METERED, "--runner", "pooling", "--convert", "embed") as server:
        prompt_tokens = 0
        for number in range(20):
            body = {"model": "tiny", "input": f"embed this, number {number} " * 10}
            answer = (
                client.post(f"{server.url}/v1/embeddings", json=body, timeout=60).raise_for_status().json()
            )
            prompt_tokens += answer["usage"]["prompt_tokens"]
        ours, theirs = counts(server.url)
        assert ours == theirs
        assert (ours.computed + ours.cached, ours.generated) == (prompt_tokens, 0)
        page = scrape(server.url)
        active = page.total("costmeter_cost_usd_total", state="active")
        assert active > 0
        assert page.total("costmeter_phase_cost_usd_total", phase="prefill") == pytest.approx(
            active, rel=1e-6
        )
        assert page.has("costmeter_usd_per_million_tokens", per="all", window="1m")
        for per in ("generated", "decode"):
            assert not page.has("costmeter_usd_per_million_tokens", per=per)
        assert page.value("costmeter_price_usd_per_hour") == USD_PER_HOUR
