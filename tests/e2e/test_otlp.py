"""A real server with two API processes pushes over OTLP what its /metrics shows."""

from __future__ import annotations

import time

import client
import pytest
from harness import METERED, Serve

from scripts.servers.scrape import scrape

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from otlp_receiver import Receiver, http_receiver

pytestmark = pytest.mark.heavy


def pushed(receiver: Receiver, name: str, **attributes: str) -> float:
    """The sum of the latest request's points of that name that have these attributes."""
    return sum(
        value
        for (metric, found), value in receiver.values().items()
        if metric == name and attributes.items() <= dict(found).items()
    )


def next_push(receiver: Receiver) -> None:
    """Wait for one that began after now: the second from here."""
    for _ in range(2):
        receiver.arrived.clear()
        assert receiver.arrived.wait(60)


def test_what_is_pushed_is_what_the_page_shows(serve: Serve) -> None:
    """Tokens of both processes, equal; dollars of a moment between two scrapes; one instance; and the last second."""
    with http_receiver() as receiver:
        flags = (*METERED, "--api-server-count", "2", "--costmeter-otlp", receiver.url)
        with serve(*flags, env={"OTEL_METRIC_EXPORT_INTERVAL": "1000"}) as server:
            for number in range(6):
                client.complete(server.url, f"prompt {number}", max_tokens=20, ignore_eos=True)
            time.sleep(3)  # both processes have reported their tokens
            before = scrape(server.url)
            next_push(receiver)
            after = scrape(server.url)
            assert after.total("costmeter_tokens_total", kind="generated") == 120
            for kind in ("prompt_computed", "prompt_cached", "generated"):
                shown = after.total("costmeter_tokens_total", kind=kind)
                assert pushed(receiver, "costmeter.tokens", **{"costmeter.kind": kind}) == shown
            low, high = (page.total("costmeter_cost_usd_total") for page in (before, after))
            assert low <= pushed(receiver, "costmeter.cost") <= high
            assert pushed(receiver, "costmeter.errors") == 0
            served_until = pushed(receiver, "costmeter.gpu.time")
        assert pushed(receiver, "costmeter.gpu.time") >= served_until
        instances = {
            pair.value.string_value
            for request in receiver.requests
            for pair in request.resource_metrics[0].resource.attributes
            if pair.key == "service.instance.id"
        }
        assert len(instances) == 1
        assert receiver.resource["gen_ai.request.model"]
