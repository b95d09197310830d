"""`costmeter top` reads a real server."""

from __future__ import annotations

import json

import client
import pytest
from harness import USD_PER_HOUR
from moments import seen

from scripts.servers.vllm_server import Server
from vllm_costmeter.cli.main import main

pytestmark = pytest.mark.heavy


def test_its_row_is_what_the_page_says(metered: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """The bill lies between those of a scrape before and one after; state, model, price and tokens are the server's."""
    client.complete(metered.url, "something to count", max_tokens=20)
    before = seen(metered)
    assert main(["top", metered.url, "--once", "--format", "json"]) == 0
    after = seen(metered)
    (row,) = json.loads(capsys.readouterr().out)["servers"]
    bills = [moment.page.total("costmeter_cost_usd_total") for moment in (before, after)]
    assert bills[0] <= row["total_usd"] <= bills[1]
    assert (row["state"], row["model_names"], row["engines"]) == ("idle", ["tiny"], 1)
    assert row["usd_per_hour"] == pytest.approx(USD_PER_HOUR)
    assert row["tokens_per_second"] > 0
    assert row["usd_per_million_tokens"] > 0
    assert 0 <= row["idle_share"] <= 1
    assert row["joules_per_token"] is None, "no GPU, no energy"
