"""`costmeter page`."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path

import pytest
from hostile_name import HOSTILE
from http_stand_in import serving

from vllm_costmeter.cli.main import main


def fetched(html: str) -> list[str]:
    """Addresses that a browser would ask for."""
    tags = " ".join(re.findall(r"<[^>]*>|url\([^)]*\)", html))
    found = re.findall(r"(?:src|href|action|poster|data|url)\s*[=(]\s*[\"']?([^\"'\s>)]+)", tags)
    return [each for each in found if not each.startswith(("data:", "#"))]


@pytest.mark.parametrize("end", ["", "/", "/costmeter", "/costmeter/data", "/metrics"])
def test_a_servers_page_has_its_data_inside(
    server: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of its addresses is named: the same page, the data in it as data, and leave to ask nobody."""
    monkeypatch.setenv("VLLM_API_KEY", "right")
    file = tmp_path / "page.html"
    assert main(["page", "--once", str(file), "--url", f"{server}{end}"]) == 0
    html = file.read_text()
    (embedded,) = re.findall(r'<script type="application/json" id="embedded">(.*?)</script>', html, re.DOTALL)
    data = json.loads(embedded)
    (sample,) = data["metrics"]["costmeter_cost_usd_total"]
    assert (sample["value"], sample["labels"]["model_name"]) == (12.5, HOSTILE)
    assert HOSTILE not in html
    assert "connect-src 'none'" in html


def test_the_key_can_be_in_a_file(server: str, tmp_path: Path) -> None:
    """Which goes before the variable."""
    (tmp_path / "key").write_text("right\n")
    words = ["page", "--once", str(tmp_path / "page.HTML"), "--url", server]
    assert main([*words, "--key-file", str(tmp_path / "key")]) == 0


def test_a_report_has_the_ledgers_sums_and_fetches_nothing(ledger: Path, tmp_path: Path) -> None:
    """Total, models, days; the names as text; no program, and a policy that allows none."""
    file = tmp_path / "report.html"
    assert main(["page", "--once", str(file), "--from-ledger", str(ledger)]) == 0
    html = file.read_text()
    assert "$64.50" in html
    rows = [re.sub(r"<[^>]+>", "|", row) for row in re.findall(r"<tr.*?</tr>", html)]
    assert any(row.startswith(f"||{escape(HOSTILE)}||60.00||") for row in rows)
    assert any(row.startswith("||2026-11-22||3.0000||") for row in rows)
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert "<img" not in html
    assert fetched(html) == []


def test_a_range_of_the_ledger(ledger: Path, tmp_path: Path) -> None:
    """`--since` and `--until`, as `costmeter report` reads them."""
    file = tmp_path / "day.html"
    words = ["--since", "2026-11-22", "--until", "2026-11-22"]
    assert main(["page", "--once", str(file), "--from-ledger", str(ledger), *words]) == 0
    assert '<p class="amount">$3.00</p>' in file.read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--once", "page.txt"], "give a name that ends in .html, .png, .pdf"),
        (["--once", "there.html"], "there.html is there already: nothing was written; --force overwrites"),
        (["--once", "folder.html", "--force"], "cannot write folder.html: Is a directory; name another file"),
        (["--once", "missing/page.html"], "cannot write missing/page.html: No such file or directory"),
        (["--once", "p.html", "--url", "ftp://x"], "'ftp://x' is no address of a server"),
        (["--once", "p.html", "--url", "http://me:pass@x"], "an address with a password"),
        (["--once", "p.html", "--url", "127.0.0.1:9"], "http://127.0.0.1:9/costmeter/data cannot be reached"),
        (["--once", "p.html", "--since", "7d"], "--since needs --from-ledger"),
        (["--once", "p.html", "--from-ledger", "no.sqlite3"], "no.sqlite3"),
        (
            ["--once", "p.html", "--from-ledger", "--url", "x:1"],
            "--url is of a server, --from-ledger of a file",
        ),
        (["--once", "p.html", "--key-file", "no"], "no: does not exist"),
        ([], "--once is missing"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    words: list[str],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit 2; what is there stays as it is."""
    monkeypatch.chdir(tmp_path)
    Path("there.html").write_text("mine")
    Path("folder.html").mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main(["page", *words]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.html", "there.html"]
    assert Path("there.html").read_text() == "mine"


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, "{}", "asks for the server's API key: set VLLM_API_KEY, or --key-file FILE"),
        (403, "{}", "asks for the server's API key"),
        (404, "{}", "is not there: is it a server with --plugin costmeter"),
        (500, "{}", "answered 500"),
        (302, "", "redirects to nowhere, which is not followed"),
        (200, "<html>", "is not the data of a live page: it begins '<html>'"),
        (200, "[1]", "is not the data of a live page"),
        (200, '{"schema": "costmeter.status/1"}', "is not the data of a live page"),
        (200, '{"schema": "costmeter.top/1", "history": []}', "is not the data of a live page"),
        (200, "[" * 100_000, "is not the data of a live page"),
    ],
)
def test_a_server_that_has_no_page_is_one_line(
    status: int, body: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it answered, and what to do."""
    with serving(body, status=status) as url:
        assert main(["page", "--once", str(tmp_path / "page.html"), "--url", url]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_force_overwrites_whole(ledger: Path, tmp_path: Path) -> None:
    """And leaves nothing beside it."""
    file = tmp_path / "out" / "page.html"
    file.parent.mkdir()
    file.write_text("x" * 1_000_000)
    assert main(["page", "--once", str(file), "--from-ledger", str(ledger), "--force"]) == 0
    assert file.read_text().endswith("</html>\n")
    assert [path.name for path in file.parent.iterdir()] == ["page.html"]


@pytest.mark.parametrize("suffix", [".png", ".pdf"])
def test_a_picture_without_a_browser_says_what_to_install(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the server is asked."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["page", "--once", str(tmp_path / f"page{suffix}"), "--url", "127.0.0.1:9"]) == 2
    said = capsys.readouterr().err
    assert "install the package chromium, or `pip install playwright && playwright install chromium`" in said
    assert said.count("\n") == 1


def test_a_browser_that_draws_nothing_is_one_line(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what it said last; no file."""
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\necho starting >&2\necho no display >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for suffix, says in (
        (".pdf", "drew nothing: no display"),
        (".png", "did not lay out the page: no display"),
    ):
        file = tmp_path / f"page{suffix}"
        assert main(["page", "--once", str(file), "--from-ledger", str(ledger)]) == 2
        assert says in capsys.readouterr().err
        assert not file.exists()
