"""Tenants on a real server: every route, streams, several sequences, clients that hang up."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import client
import pytest
from harness import METERED, Serve
from patience import holds_within

from scripts.servers.scrape import Scrape, scrape
from scripts.servers.vllm_server import Server
from vllm_costmeter.cli.main import main

pytestmark = pytest.mark.heavy

PLAIN = ("--costmeter-tenant-names", "plain")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the server."""
    return tmp_path_factory.mktemp("tenants") / "ledger.sqlite3"


@pytest.fixture(scope="module")
def server(serve: Serve, ledger: Path) -> Iterator[Server]:
    """Tells tenants apart by key, header and user, and shows their names."""
    sources = ("--costmeter-tenant-from", "key,header,user", "--costmeter-ledger", str(ledger))
    with serve(*METERED, *sources, *PLAIN) as running:
        yield running


def ask(url: str, route: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The usage of a request."""
    fields = {"model": "tiny", **body}
    answer = client.post(f"{url}/v1/{route}", json=fields, headers=headers or {}).raise_for_status()
    usage: dict[str, Any] = answer.json()["usage"]
    return usage


def generated(page: Scrape, tenant: str) -> int:
    """Tokens generated for a tenant."""
    return int(page.total("costmeter_tenant_tokens_total", tenant=tenant, kind="generated"))


def test_every_route_charges_its_tenant(server: Server) -> None:
    """Completions (n = 3), two prompts at once, chat, responses, a stream, an Anthropic message: the tokens of each
    tenant are what its clients were told, and tenants and unattributed cost are the active cost."""
    url, used = server.url, Counter[str]()
    header = {"X-Costmeter-Tenant": "team a"}
    hello = {"prompt": "hello there", "max_tokens": 12, "ignore_eos": True}
    used["team a"] += ask(url, "completions", {**hello, "n": 3}, header)["completion_tokens"]
    used["team a"] += ask(url, "completions", {**hello, "prompt": ["one", "two"]}, header)[
        "completion_tokens"
    ]
    said = [{"role": "user", "content": 'my "user": "eve"'}]
    used["bob"] += ask(url, "chat/completions", {"messages": said, "max_tokens": 7, "user": "bob"})[
        "completion_tokens"
    ]
    answer = {"input": "hi", "max_output_tokens": 9, "safety_identifier": "carol", "user": "bob"}
    used["carol"] += ask(url, "responses", answer)["output_tokens"]
    used["bob"] += client.complete(url, "a stream", stream=True, max_tokens=11, user="bob")[
        "completion_tokens"
    ]
    used["untagged"] += client.complete(url, "of nobody", max_tokens=5)["completion_tokens"]
    names = set(used)
    assert holds_within(lambda: all(generated(scrape(url), name) == used[name] for name in names)), (
        used,
        {name: generated(scrape(url), name) for name in names},
    )
    page = scrape(url)
    shared = page.total("costmeter_tenant_cost_usd_total") + page.total("costmeter_unattributed_usd")
    assert shared == pytest.approx(page.total("costmeter_cost_usd_total", state="active"), abs=1e-12)
    assert page.total("costmeter_errors_total") == 0


def test_a_key_decides_before_a_header(server: Server) -> None:
    """And nothing of it is on the page, in the log or in the ledger."""
    secret = f"sk-{random.randrange(10**12)}"
    headers = {"Authorization": f"Bearer {secret}", "X-Costmeter-Tenant": "victim"}
    ask(server.url, "completions", {"prompt": "x", "max_tokens": 3}, headers)
    assert holds_within(lambda: 'tenant="key:' in scrape(server.url).text)
    page = scrape(server.url)
    assert not page.has("costmeter_tenant_tokens_total", tenant="victim")
    assert secret not in page.text + server.log_text()


def test_many_tenants_at_once_and_clients_that_hang_up(server: Server, ledger: Path) -> None:
    """Aborted requests are their tenants' too; the same request id twice, a header of 8 KB and one of hostile text are
    kept apart or cut; the ledger adds up to the same."""
    url, before = server.url, scrape(server.url)
    with ThreadPoolExecutor(8) as several:

        def one(at: int) -> int:
            headers = {"X-Costmeter-Tenant": f"crowd {at % 5}", "X-Request-Id": "the same"}
            return int(
                ask(url, "completions", {"prompt": f"of {at}", "max_tokens": 20}, headers)[
                    "completion_tokens"
                ]
            )

        tokens = sum(several.map(one, range(40)))
    client.abort_midway(url, "hang up", max_tokens=800, user="fickle")
    for name in ("x" * 8000, 'evil"} 1\\'):
        ask(url, "completions", {"prompt": "x", "max_tokens": 2}, {"X-Costmeter-Tenant": name})
    crowd = [f"crowd {at}" for at in range(5)]
    assert holds_within(lambda: sum(generated(scrape(url), name) for name in crowd) == tokens)
    assert holds_within(
        lambda: scrape(url).total("costmeter_tenant_requests_total", tenant="fickle", outcome="aborted") == 1
    )
    page = scrape(url)
    assert (
        page.total("costmeter_tenant_requests_total") - before.total("costmeter_tenant_requests_total") == 43
    )
    assert page.has("costmeter_tenant_requests_total", tenant='evil"} 1\\')
    assert page.total("costmeter_errors_total") == 0
    time.sleep(6)  # the ledger is written every five seconds
    assert ledger.stat().st_mode & 0o077 == 0 or ledger.parent.stat().st_mode & 0o077 == 0


def test_the_ledger_has_the_same_tenants(
    server: Server, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`costmeter report --by tenant` names them, and its lines add up to the bill."""
    import json

    assert main(["report", "--ledger", str(ledger), "--by", "tenant", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["tenant"]: row for row in found["rows"]}
    page = scrape(server.url)
    for name in ("team a", "bob", "carol", "untagged", "fickle", "crowd 3"):
        assert rows[name]["generated_tokens"] == generated(page, name)
    assert sum(row["usd"] for row in found["rows"]) == pytest.approx(found["total_usd"], rel=1e-9)
