"""Frozen pages in a real Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from required_tool import missing

from vllm_costmeter.cli.main import main
from vllm_costmeter.outputs.page.browser import NAMES, browser

pytestmark = pytest.mark.heavy


def program() -> str:
    """A real Chromium."""
    if not any(map(shutil.which, NAMES)):
        missing("no Chromium is on the PATH")
    return browser()


def test_pictures_have_the_whole_page(ledger: Path, tmp_path: Path) -> None:
    """A PNG as high as the page, and a PDF, from a real Chromium."""
    program()
    heights = []
    for since in ("2026-11-21", "2026-11-22"):
        file = tmp_path / f"{since}.png"
        assert main(["page", "--once", str(file), "--from-ledger", str(ledger), "--since", since]) == 0
        content = file.read_bytes()
        assert content.startswith(b"\x89PNG")
        width, height = int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
        assert width == 1280
        heights.append(height)
    assert heights[0] > heights[1] > 400
    assert main(["page", "--once", str(tmp_path / "report.pdf"), "--from-ledger", str(ledger)]) == 0
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_a_frozen_page_draws_itself_from_disk(
    server: str, ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a real Chromium without a network: a hostile name is text, and the console has nothing to complain of."""
    monkeypatch.setenv("VLLM_API_KEY", "right")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    for source in (["--url", server], ["--from-ledger", str(ledger)]):
        file = tmp_path / "page.html"
        assert main(["page", "--once", str(file), *source, "--force"]) == 0
        words = [program(), "--headless", *sandbox, "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
        words += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}"]
        done = subprocess.run(
            [*words, "--virtual-time-budget=5000", file.as_uri()], capture_output=True, text=True, check=False
        )
        shown = re.sub(r"<script\b.*?</script>", "", done.stdout, flags=re.DOTALL)
        assert "Frozen at" in shown or "$64.50" in shown
        assert "&lt;script&gt;alert" in shown
        assert "<img" not in shown
        assert "CONSOLE" not in done.stderr, done.stderr
