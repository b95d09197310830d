"""The data of the live page, whichever of two API server processes answers."""

from __future__ import annotations

import client
import pytest
from patience import holds_within

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy


def test_both_processes_answer_for_the_same_server(two_api_servers: Server) -> None:
    """One instance, one beginning, and the tokens of both, over forty connections."""
    url = two_api_servers.url
    expected = scrape(url).total("costmeter_tokens_total") + 40 * 6
    for at in range(40):
        assert client.complete(url, f"{at}", max_tokens=5, ignore_eos=True)["completion_tokens"] == 5
    assert holds_within(lambda: scrape(url).total("costmeter_tokens_total") >= expected, 20)
    tokens = scrape(url).total("costmeter_tokens_total")

    def told() -> list[dict[str, object]]:
        return [client.get(f"{url}/costmeter/data").json() for _ in range(40)]

    def sums(found: list[dict[str, object]]) -> set[float]:
        return {
            sum(sample["value"] for sample in each["metrics"]["costmeter_tokens_total"])  # type: ignore[index]
            for each in found
        }

    assert holds_within(lambda: sums(told()) == {tokens}, 20), sums(told())
    found = told()
    assert len({each["instance"] for each in found}) == 1
    uptimes = [float(each["uptime_seconds"]) for each in found]  # type: ignore[arg-type]
    began = [float(each["unix_seconds"]) - up for each, up in zip(found, uptimes, strict=True)]  # type: ignore[arg-type]
    assert max(began) - min(began) < 0.5, "the processes themselves began at different times"
    newest = [each["history"]["rows"][-1][0] for each in found]  # type: ignore[index]
    assert newest == pytest.approx(uptimes, abs=0.06), "the last moment is now"
