"""Tenants whose requests two API server processes share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import client
import pytest
from patience import holds_within

from scripts.servers.scrape import Scrape, scrape
from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy


def by_tenant(page: Scrape) -> list[int]:
    """Generated tokens of each tenant with a hashed name, in order."""
    samples = page.matching("costmeter_tenant_tokens_total", kind="generated")
    return sorted(int(sample.value) for sample in samples if sample.labels["tenant"].startswith("t:"))


def test_a_tenant_is_one_whoever_served_it(two_api_servers: Server) -> None:
    """Its requests over many connections, spread over both processes, add up under one hashed name; tenants and
    unattributed cost are the active cost."""
    url = two_api_servers.url

    def one(at: int) -> int:
        headers = {"X-Costmeter-Tenant": f"team {at % 2}"}
        body = {"model": "tiny", "prompt": f"{at}", "max_tokens": 10 + at % 2, "ignore_eos": True}
        answer = client.post(f"{url}/v1/completions", json=body, headers=headers).raise_for_status()
        return int(answer.json()["usage"]["completion_tokens"])

    with ThreadPoolExecutor(8) as several:
        tokens = list(several.map(one, range(40)))
    expected = sorted((sum(tokens[0::2]), sum(tokens[1::2])))
    assert holds_within(lambda: by_tenant(scrape(url)) == expected, 20), by_tenant(scrape(url))
    page = scrape(url)
    assert "team" not in page.text
    shared = page.total("costmeter_tenant_cost_usd_total") + page.total("costmeter_unattributed_usd")
    assert shared == pytest.approx(page.total("costmeter_cost_usd_total", state="active"), abs=1e-9)
    assert page.total("costmeter_errors_total") == 0
