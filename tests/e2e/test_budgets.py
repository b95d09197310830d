"""A real server, a real OpenAI client, and a budget that is spent."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Serve
from openai import OpenAI, RateLimitError
from patience import holds_within

from scripts.servers.scrape import Scrape, scrape
from vllm_costmeter.cli.main import main

pytestmark = pytest.mark.heavy

DEAR = ("--plugin", "costmeter", "--gpu-hourly-usd", "3600")  # a dollar a second
TENANTS = ("--costmeter-tenant-from", "header,user", "--costmeter-tenant-names", "plain")


def asking(url: str, **headers: str) -> Callable[..., str]:
    """A completion by OpenAI's own client, which is told to try again twice."""
    client = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=2, default_headers=headers)

    def ask(**more: str) -> str:
        answer = client.completions.create(model="tiny", prompt="hello", max_tokens=100, extra_body=more)
        return answer.choices[0].text

    return ask


def refused(ask: Callable[..., str], **more: str) -> bool:
    """Whether a request is refused."""
    try:
        ask(**more)
    except RateLimitError:
        return True
    return False


def test_a_spent_budget_refuses_its_tenant_until_it_is_raised(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """OpenAI's client raises RateLimitError with the code of a spent quota; all others are served as before, the
    figures are on /metrics and in the ledger, and a raised, damaged or removed budget does what it says."""
    ledger = str(tmp_path / "ledger.sqlite3")
    budget = ("--per", "month", "--ledger", ledger)
    assert main(["budget", "set", "acme", "0.5", "--new", *budget]) == 0
    refuse = ("--costmeter-budget-action", "refuse", "--costmeter-ledger", ledger)
    with serve(*DEAR, *TENANTS, *refuse) as server:
        acme, globex = (asking(server.url, **{"X-Costmeter-Tenant": name}) for name in ("acme", "globex"))
        nobody = asking(server.url)
        spent = functools.partial(Scrape.value, name="costmeter_tenant_cost_usd_total", tenant="acme")
        assert holds_within(lambda: spent(scrape(server.url)) == 0.0, 60)  # there before its first dollar
        assert acme()  # nothing is spent yet
        assert holds_within(lambda: refused(acme), 120)
        with pytest.raises(RateLimitError) as caught:
            acme()
        response = caught.value.response
        assert caught.value.code == "insufficient_quota"
        assert caught.value.type == "insufficient_quota"
        assert 1 <= int(response.headers["retry-after"]) <= 86_400
        assert "acme" not in response.text
        assert refused(nobody, user="acme")
        assert globex()
        assert nobody()
        assert nobody(user="globex")
        page = scrape(server.url)
        assert page.total("costmeter_budget_usd", tenant="acme") == 0.5
        assert page.total("costmeter_budget_left_usd", tenant="acme") <= 0
        assert page.total("costmeter_budget_staleness_seconds") < 300
        assert page.total("costmeter_errors_total") == 0

        capsys.readouterr()
        assert holds_within(lambda: listed(ledger, capsys).get("is_spent") is True, 30)
        assert main(["budget", "set", "acme", "1000000", *budget]) == 0
        assert holds_within(lambda: not refused(acme), 90)
        assert main(["budget", "set", "acme", "0.01", *budget]) == 0
        assert holds_within(lambda: refused(acme), 90)
        (tmp_path / "budgets.json").unlink()
        assert holds_within(lambda: not refused(acme), 90)
        assert scrape(server.url).total("costmeter_errors_total") == 0


def listed(ledger: str, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """The only budget, as `costmeter budget list` has it."""
    assert main(["budget", "list", "--format", "json", "--ledger", ledger]) == 0
    (row,) = json.loads(capsys.readouterr().out)["budgets"]
    found: dict[str, object] = row
    return found
