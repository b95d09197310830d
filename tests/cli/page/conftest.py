"""A server and a ledger with a hostile name in them, to be frozen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_name import HOSTILE
from ledgers import NOON, SERIES, usage, write

from vllm_costmeter.core.page.columns import Sample
from vllm_costmeter.metering.live_page import LivePage
from vllm_costmeter.outputs.metrics.http_server import MetricsServer
from vllm_costmeter.outputs.page.answers import page_data


def samples() -> list[Sample]:
    """Of a server with a hostile model."""
    labels = {"model_name": HOSTILE}
    return [
        Sample("costmeter_cost_usd_total", {**labels, "state": "active", "component": "rental"}, 12.5),
        Sample("costmeter_tokens_total", {**labels, "kind": "generated"}, 1e6),
        Sample("costmeter_price_usd_per_hour", {"component": "rental"}, 3.84),
    ]


@pytest.fixture
def server() -> Iterator[str]:
    """A live page's data behind the key `right`."""
    live = LivePage(samples, instance="one")
    live.note()
    routes = {"/costmeter/data": lambda may, accept, query: page_data(may, query, live.data)}
    found = MetricsServer(
        "127.0.0.1", 0, lambda: b"", routes=routes, authorizations=lambda: ("Bearer right",)
    )
    found.start()
    yield f"http://127.0.0.1:{found.port}"
    found.close()


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the machine that the tests run on."""
    monkeypatch.delenv("VLLM_API_KEY", raising=False)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Two models, one of them hostile, on two days."""
    path = write(tmp_path / "ledger.sqlite3", {NOON: usage(1.0), NOON + 86_400: usage(2.0)})
    return write(path, {NOON: usage(40.0)}, SERIES._replace(model_name=HOSTILE))
