"""docs/security.md lists what there is; a real server's routes are compared in e2e/test_endpoints.py."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from security_page import EXPORTER_ROUTES, LABELS, SERVER_ROUTES

from vllm_costmeter.outputs.metrics.http_server import MetricsServer
from vllm_costmeter.outputs.metrics.rows.targets import TARGET_METRICS
from vllm_costmeter.outputs.metrics.table import METRICS


def test_every_label_of_a_metric_is_listed() -> None:
    """A new label is looked at for what it shows, before it is on an open page."""
    published = {label for row in (*METRICS, *TARGET_METRICS) for label in row.labels}
    assert set(LABELS) == published


@pytest.fixture
def port() -> Iterator[int]:
    """Of an exporter's page behind a token."""
    server = MetricsServer("127.0.0.1", 0, lambda: b"numbers", authorizations=lambda: ("Bearer right",))
    server.start()
    yield server.port
    server.close()


def status(port: int, path: str, authorization: str | None) -> int:
    """Of a GET."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if authorization is not None:
        request.add_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


@pytest.mark.parametrize("path", [path for path, key in EXPORTER_ROUTES.items() if key in ("yes", "no")])
def test_the_exporter_asks_for_its_key_where_the_page_says(port: int, path: str) -> None:
    """With another key, half of it, or none, too."""
    assert status(port, path, "Bearer right") == 200
    for other in (None, "", "Bearer", "Bearer wrong", "Bearer righ", "Bearer right2", "Basic right", "\xff"):
        assert status(port, path, other) == (401 if EXPORTER_ROUTES[path] == "yes" else 200)


def test_the_exporters_live_page_is_listed() -> None:
    """Its addresses are those of a server with the plugin."""
    from vllm_costmeter.cli.exporter.page import page_routes

    listed = {path for path, key in EXPORTER_ROUTES.items() if key == "as above"}
    assert set(page_routes(None)) == listed  # type: ignore[arg-type]
    assert listed <= set(SERVER_ROUTES)


def test_every_key_is_compared_whatever_the_first_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """In constant time, by digests of one length: neither a prefix nor which key it was can be measured."""
    from vllm_costmeter.plugin.serving.requests import api_keys

    compared: list[int] = []

    class Comparing:
        @staticmethod
        def compare_digest(one: bytes, other: bytes) -> bool:
            compared.append(len(one) * 1000 + len(other))
            return one == other

    monkeypatch.setattr(api_keys, "hmac", Comparing)
    for given, passes in (
        ("Bearer a", True),
        ("Bearer b", True),
        ("Bearer ", False),
        ("Basic a", False),
        ("", False),
    ):
        assert api_keys.may_pass(("a", "b"), given) is passes
    assert compared == [32 * 1000 + 32] * 10
