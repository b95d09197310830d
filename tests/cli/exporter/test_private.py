"""`costmeter exporter` has credentials in both directions, and shows none of them."""

from __future__ import annotations

import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from engine_stand_in import engine, status, vllm_page
from exporter_process import exporter
from marks import Marks, files_below


def test_no_credential_is_on_a_page_in_a_file_or_in_what_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the target is well, refuses, redirects with a token in the address, and is gone; after the end, too."""
    marks, pieces = Marks(), {}
    monkeypatch.setenv("COSTMETER_TARGET_TOKEN", marks.new("the target's token"))
    monkeypatch.setenv("COSTMETER_PROMETHEUS_TOKEN", marks.new("Prometheus's token"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "own").write_text(own := marks.new("the exporter's token"))

    def kept(path: str, **headers: str) -> bytes:
        """The page, kept to be searched."""
        request = urllib.request.Request(f"{running.url}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                content = answer.read()
        except urllib.error.HTTPError as refused:
            content = refused.read()
        pieces[f"{path} {len(pieces)}"] = content
        return bytes(content)

    flags = ("--gpu-hourly-usd", "3600", "--token-file", str(tmp_path / "own"))
    with engine() as target, exporter(tmp_path / "folder", "--target", target.url, *flags) as running:
        key = {"Authorization": f"Bearer {own}"}
        target.page = vllm_page(generated=7)
        running.until(lambda: b"costmeter_cost_usd_total" in kept("/metrics", **key))
        for misbehaving, reason in (
            (status(401), b"unauthorized"),
            (status(302, Location=f"http://else?token={marks.new('a redirect')}"), b"redirect"),
            (target.hang_up, b"closed"),
        ):
            target.misbehave = misbehaving
            running.until(lambda reason=reason: reason in kept("/metrics", **key))
        for path in ("/metrics", "/", "/costmeter", "/costmeter/data", "/-/healthy", "/none"):
            for headers in ({}, key, {"Authorization": f"Bearer {marks.new('a wrong token')}"}):
                kept(path, **headers)
        assert set(target.credentials) == {"Bearer " + marks.new("the target's token")}
        assert running.ended_by(signal.SIGTERM) == 0
    pieces |= files_below([tmp_path / "folder"])
    assert any("ledger" in place for place in pieces)
    assert b"redirects to http://else," in pieces[str(tmp_path / "folder" / "log")]
    assert marks.found_in(pieces) == []
