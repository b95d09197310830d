"""The live page of `costmeter exporter`."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from engine_stand_in import engine, vllm_page
from exporter_process import ExporterProcess, exporter

BROWSER = {"Accept": "text/html,*/*;q=0.8"}


def asked(running: ExporterProcess, path: str, **headers: str) -> Any:
    with urllib.request.urlopen(
        urllib.request.Request(f"{running.url}{path}", headers=headers), timeout=20
    ) as answer:
        return answer.headers, answer.read()


def data(running: ExporterProcess) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(asked(running, "/costmeter/data")[1])
    return found


def test_all_targets_are_on_one_page(tmp_path: Path) -> None:
    """Each with its own columns, on one axis of time; what was said of them at the start names the page."""
    with engine() as one, engine() as other:
        targets = ("--target", one.url, "--target", other.url, "--gpu-hourly-usd", "2")
        with exporter(tmp_path, *targets) as running:
            one.page = vllm_page(1000, 400, 50)
            named = {url.removeprefix("http://").removesuffix("/metrics") for url in (one.url, other.url)}
            running.until(lambda: named <= {server for server, _ in data(running)["history"]["columns"]})
            found = running.until(lambda: (told := data(running)) and len(told_rows(told)) > 2 and told)
            headers, page = asked(running, "/costmeter", **BROWSER)
            status = json.loads(asked(running, "/costmeter")[1])
            assert f"{running.url}/costmeter" in running.said
    assert found["schema"] == status["schema"] == "costmeter.status/1"
    assert "costmeter_target_up" in status["metrics"]
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert page.startswith(b"<!doctype html>")


def told_rows(found: dict[str, Any]) -> list[Any]:
    rows: list[Any] = found["history"]["rows"]
    return rows


def test_data_need_the_exporters_own_secret(tmp_path: Path) -> None:
    """The page itself, which has none, does not: a browser shows it and it asks."""
    (tmp_path / "token").write_text("secret\n")
    secret = ("--token-file", str(tmp_path / "token"))
    with engine() as target, exporter(tmp_path, "--target", target.url, *secret) as running:
        assert asked(running, "/costmeter", **BROWSER)[1].startswith(b"<!doctype html>")
        for path in ("/costmeter", "/costmeter/data"):
            with pytest.raises(urllib.error.HTTPError, match="401") as refused:
                asked(running, path)
            assert refused.value.headers["WWW-Authenticate"] is None, "or the browser would ask, not the page"
            assert json.loads(asked(running, path, Authorization="Bearer secret")[1])["metrics"]


def test_the_page_can_be_switched_off(tmp_path: Path) -> None:
    """As on a server with the plugin."""
    with engine() as target, exporter(tmp_path, "--target", target.url, "--page", "off") as running:
        for path in ("/costmeter", "/costmeter/data"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                asked(running, path)
        assert "page for people" not in running.said
