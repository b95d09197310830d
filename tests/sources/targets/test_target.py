"""What may be given as a target."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.targets.credentials import SecretFile
from vllm_costmeter.sources.targets.target import Target, refuse_aliases, target_url, without_doubles


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000/metrics"),
        ("http://gpu-1:8000/", "http://gpu-1:8000/metrics"),
        ("https://gpu-1/prometheus/metrics", "https://gpu-1/prometheus/metrics"),
        ("[::1]:8000", "http://[::1]:8000/metrics"),
        ("http://h:1/metrics?model=a#x", "http://h:1/metrics?model=a"),
    ],
)
def test_an_address_is_completed(given: str, url: str) -> None:
    """A host and a port are enough."""
    assert target_url(given) == url


@pytest.mark.parametrize(
    "given", ["", "ftp://h/metrics", "http://", "h:port", "http://h:99999/", "a b:1", "/metrics"]
)
def test_what_is_no_address_is_refused(given: str) -> None:
    """With an example of one."""
    with pytest.raises(BadInputError, match="such as http://127"):
        target_url(given)


def test_a_password_on_the_command_line_is_refused_and_not_repeated() -> None:
    """Every user of the machine could read it."""
    with pytest.raises(BadInputError, match="--target-basic-auth-file") as caught:
        target_url("http://user:hunter2@h:8000/metrics")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "two",
    [
        ("http://localhost:8000/metrics", "http://127.0.0.1:8000/metrics/"),
        ("http://H:80/metrics", "http://h/metrics"),
        ("https://h:443/metrics", "https://h/metrics"),
    ],
)
def test_one_server_twice_is_refused(two: tuple[str, str]) -> None:
    """It would be charged twice."""
    with pytest.raises(BadInputError, match="one server twice"):
        without_doubles([Target(target_url(url)) for url in two])


def test_two_names_of_one_address_are_refused() -> None:
    """What a machine calls itself and 127.0.0.1, for example; a name that nobody knows is no double."""
    refuse_aliases([Target("http://127.0.0.1:1/metrics"), Target("http://nobody.invalid:1/metrics")])
    with pytest.raises(BadInputError, match="the same server"):
        refuse_aliases([Target("http://127.0.0.1:1/metrics"), Target("http://LOCALHOST:1/metrics")])


def test_servers_on_different_ports_and_paths_are_different() -> None:
    """A router's page for each model, for example."""
    urls = ("http://h:1/metrics?model=a", "http://h:1/metrics?model=b", "http://h:2/metrics?model=a")
    assert len(without_doubles([Target(url) for url in urls])) == 3


def test_a_secret_is_read_again_when_it_changes_and_kept_when_it_is_gone(tmp_path: Path) -> None:
    """As Kubernetes renews a token."""
    path = tmp_path / "token"
    path.write_text("one\n")
    secret = SecretFile(path, "--token-file")
    assert secret.header() == "Bearer one"
    path.write_text("second")
    os.utime(path, ns=(1, 1))
    assert secret.header() == "Bearer second"
    path.unlink()
    assert secret.header() == "Bearer second"


@pytest.mark.parametrize("text", ["", "\n", "two\nlines", "\x00"])
def test_a_file_without_a_secret_is_refused(tmp_path: Path, text: str) -> None:
    """Empty, binary, or more than a line."""
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(BadInputError, match="in one line"):
        SecretFile(path, "--token-file")


def test_a_user_and_a_password(tmp_path: Path) -> None:
    """The example of RFC 7617, section 2; without a colon there is no user."""
    path = tmp_path / "pair"
    path.write_text("Aladdin:open sesame")
    assert SecretFile(path, "--f", pair=True).header() == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    path.write_text("nobody")
    with pytest.raises(BadInputError, match="USER:PASSWORD"):
        SecretFile(path, "--f", pair=True)
