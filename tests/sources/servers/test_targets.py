"""Addresses of servers, typed or in a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.servers.targets import TargetFile, page_address, page_addresses


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("gpu-1:8000", "http://gpu-1:8000/metrics"),
        ("gpu-1", "http://gpu-1/metrics"),
        (" https://llm.example/ ", "https://llm.example/metrics"),
        ("http://[::1]:8000", "http://[::1]:8000/metrics"),
        ("http://h/vllm/metrics?x=1", "http://h/vllm/metrics?x=1"),
    ],
)
def test_what_is_missing_of_an_address_is_filled_in(typed: str, address: str) -> None:
    """http, and the path where vLLM has its page."""
    assert page_address(typed) == address


@pytest.mark.parametrize(
    "typed",
    ["", "a b", "ftp://h", "h:99999", "h:0", "http://", "h:port", "http://[::1", "h\x1b[2J:1", "- h:1"],
)
def test_anything_else_is_refused_in_one_line(typed: str) -> None:
    """With what is allowed."""
    with pytest.raises(BadInputError, match="gpu-1:8000"):
        page_address(typed)


def test_a_password_is_not_shown() -> None:
    """Not even in the complaint."""
    with pytest.raises(BadInputError) as refused:
        page_address("http://me:secret@h:1/metrics")
    assert "secret" not in str(refused.value)


def test_a_server_given_twice_is_one() -> None:
    """Its first place counts."""
    assert page_addresses(["b:1", "a:1", "http://b:1/metrics"]) == (
        "http://b:1/metrics",
        "http://a:1/metrics",
    )


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """And while it cannot be read, the last version holds and the reason is known."""
    path = tmp_path / "servers"
    path.write_text("# ours\na:1  # the first\n\n")
    file = TargetFile(path)
    assert file.read() == file.latest() == ("http://a:1/metrics",)
    path.write_text('[{"targets": ["b:1", "c:1"], "labels": {"cluster": "eu"}}]')
    assert file.latest() == ("http://b:1/metrics", "http://c:1/metrics")
    path.write_text("[{")
    os.utime(path, ns=(1, 1))
    assert file.latest() == ("http://b:1/metrics", "http://c:1/metrics")
    assert "file_sd" in str(file.fault)
    path.write_text("")
    assert file.latest() == ()
    assert file.fault is None


def test_a_file_that_cannot_be_read_is_refused_at_the_start(tmp_path: Path) -> None:
    """By name."""
    with pytest.raises(BadInputError, match="missing"):
        TargetFile(tmp_path / "missing").read()
