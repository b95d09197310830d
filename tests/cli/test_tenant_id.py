"""`costmeter tenant-id`."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from vllm_costmeter.cli.main import main
from vllm_costmeter.core.tenants.names import hashed, of_key
from vllm_costmeter.sources.files.tenant_secret import tenant_secret


def test_a_key_and_a_name_are_shown_as_servers_show_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the secret beside the ledger."""
    secret = tenant_secret([tmp_path])
    assert secret is not None
    ledger = ["--ledger", str(tmp_path / "ledger.sqlite3")]
    monkeypatch.setattr("sys.stdin", io.StringIO("sk-1\n"))
    assert main(["tenant-id", *ledger]) == 0
    assert main(["tenant-id", "--name", " team  a", *ledger]) == 0
    assert main(["tenant-id", "--name", of_key("sk-1", secret), *ledger]) == 0
    shown = [of_key("sk-1", secret), hashed("team a", secret), of_key("sk-1", secret)]
    assert capsys.readouterr().out.split() == shown


def test_without_a_secret_or_a_key_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, nothing is made."""
    ledger = ["--ledger", str(tmp_path / "ledger.sqlite3")]
    assert main(["tenant-id", *ledger]) == 2
    assert not list(tmp_path.iterdir())
    tenant_secret([tmp_path])
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert main(["tenant-id", *ledger]) == 2
    assert main(["tenant-id", "--name", " ", *ledger]) == 2
    assert capsys.readouterr().err.count("\n") == 3
