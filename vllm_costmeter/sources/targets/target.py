"""One target: an engine's /metrics, and what is said of it beside its page."""

from __future__ import annotations

import socket
import urllib.parse
from collections.abc import Sequence

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """Where an engine's page is."""

    url: str
    gpus: int | None = None
    """Of this server; None if nobody said."""
    settings: tuple[tuple[str, str], ...] = ()
    """(key, value) of settings of this target alone."""
    labels: tuple[tuple[str, str], ...] = ()
    """Labels for all its series."""
    model_name: str | None = None
    """In place of the page's; None: the page's."""

    @property
    def instance(self) -> str:
        """HOST:PORT."""
        parts = urllib.parse.urlsplit(self.url)
        host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
        return f"{host}:{parts.port or PORTS[parts.scheme]}"

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine for sure."""
        return urllib.parse.urlsplit(self.url).hostname in LOOPBACK

    @property
    def key(self) -> tuple[str, str]:
        """Alike for two spellings of one address."""
        parts = urllib.parse.urlsplit(self.url)
        host = "127.0.0.1" if self.is_local else parts.hostname
        return f"{host}:{parts.port or PORTS[parts.scheme]}", parts.path.rstrip("/") + f"?{parts.query}"


def target_url(given: str, called: str = "--target") -> str:
    """The complete address of a page. BadInputError for what is no http(s) address, or has a password in it."""
    text = given.strip()
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urllib.parse.urlsplit(url)
        _ = parts.port
        (parts.hostname or "").encode("idna")  # as the resolver will
    except ValueError:
        parts = urllib.parse.urlsplit("")
    if parts.scheme not in PORTS or not parts.hostname or any(each.isspace() for each in text):
        raise BadInputError(
            f"{called} must be the address of an engine's metrics, such as http://127.0.0.1:8000/metrics, "
            f"got {given[:80]!r}"
        )
    if parts.username is not None or parts.password is not None:
        raise BadInputError(
            f"{called} must not contain a password, which every user of this machine could read: "
            "--target-basic-auth-file FILE has USER:PASSWORD"
        )
    return page_address(url)


def page_address(url: str) -> str:
    """The address of a server's page: /metrics, unless a path is given."""
    parts = urllib.parse.urlsplit(url)
    path = "/metrics" if parts.path in ("", "/") else parts.path
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def without_doubles(targets: list[Target]) -> list[Target]:
    """The same list. BadInputError if two are one server, which would be charged twice."""
    seen: dict[tuple[str, str], Target] = {}
    for target in targets:
        other = seen.setdefault(target.key, target)
        if other is not target:
            same = target.url if target.url == other.url else f"{other.url} and {target.url}"
            raise BadInputError(f"{same}: one server twice, which would be charged twice; name it once")
    return targets


def refuse_aliases(targets: Sequence[Target]) -> None:
    """BadInputError if two of them, with different names, lead to the same address now. A name that cannot be resolved
    is no double of any."""
    seen: dict[tuple[str, str], Target] = {}
    for target in targets:
        parts = urllib.parse.urlsplit(target.url)
        port = parts.port or PORTS[parts.scheme]
        try:
            found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            continue
        for address in {str(each[4][0]) for each in found}:
            other = seen.setdefault((f"{address} {port}", target.key[1]), target)
            if other is not target:
                raise BadInputError(
                    f"{other.url} and {target.url} are the same server ({address}), which would be charged twice; "
                    "name it once"
                )
