"""Tenants and prices of a server that generates nothing: embeddings, on a real server."""

from __future__ import annotations

from collections import Counter

import client
import pytest
from harness import METERED, Serve
from patience import holds_within

from scripts.servers.scrape import scrape

pytestmark = pytest.mark.heavy

EMBEDS = ("--runner", "pooling", "--convert", "embed", "--no-enable-prefix-caching")
TENANTS = ("--costmeter-tenant-from", "header", "--costmeter-tenant-names", "plain")
PRICED = ("--costmeter-request-price", "both")
NAMES = {"team a": ["one"], "team b": ["two", "and a longer text of three"], "": ["of nobody"]}


def test_embeddings_are_their_tenants_and_say_what_they_cost(serve: Serve) -> None:
    """One text and several at once: the prompt tokens of each tenant are what its clients were told; tenants and
    unattributed cost are the active cost; each answer has its price, in its usage and in a header."""
    used = Counter[str]()
    costs: list[float] = []
    with serve(*METERED, *EMBEDS, *TENANTS, *PRICED) as server:
        for turn in range(3):
            for name, texts in NAMES.items():
                headers = {"X-Costmeter-Tenant": name} if name else {}
                body = {"model": "tiny", "input": [f"{text} {turn}" for text in texts]}
                answer = client.post(f"{server.url}/v1/embeddings", json=body, headers=headers)
                usage = answer.raise_for_status().json()["usage"]
                used[name or "untagged"] += usage["prompt_tokens"]
                assert float(answer.headers["x-costmeter-cost-usd"]) == usage["cost"]["amount"], usage
                costs.append(usage["cost"]["amount"])
                assert answer.json()["data"][0]["embedding"]

        def computed() -> dict[str, int]:
            page = scrape(server.url)
            return {
                name: int(page.total("costmeter_tenant_tokens_total", tenant=name, kind="prompt_computed"))
                for name in used
            }

        assert holds_within(lambda: computed() == used), (used, computed())
        page = scrape(server.url)
    assert all(cost > 0 for cost in costs)
    assert page.total("costmeter_tenant_requests_total", tenant="team b", outcome="finished") == 6
    assert page.total("costmeter_tenant_tokens_total", kind="generated") == 0
    shared = page.total("costmeter_tenant_cost_usd_total") + page.total("costmeter_unattributed_usd")
    assert shared == pytest.approx(page.total("costmeter_cost_usd_total", state="active"), abs=1e-12)
    assert page.total("costmeter_errors_total") == 0
