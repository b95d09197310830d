"""Who a request says it is for: what its connection, its headers and its body tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from vllm_costmeter.core.settings.request_settings import ANY
from vllm_costmeter.core.tenants.names import normalised, of_key
from vllm_costmeter.plugin.serving.requests.body_text import top_level_texts

Scope = Mapping[str, Any]

USER_FIELDS = ("safety_identifier", "user")
"""Of OpenAI's API, the newer one first: it decides where a request has both."""


class TrustedPeers:
    """The networks whose tenant header is believed."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._any = ANY in networks
        self._networks = () if self._any else tuple(ip_network(network) for network in networks)
        self._is_trusted = lru_cache(maxsize=1024)(self._look_up)

    def trusts(self, scope: Scope) -> bool:
        """Whether the request comes from one of them, or through a Unix socket."""
        client = scope.get("client")
        return self._any or client is None or self._is_trusted(client[0])

    def _look_up(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


def of_header(scope: Scope, name: bytes) -> str:
    """The tenant that a header names; empty without one. `name` is in lower case. Of several the last
    one counts: a gateway that adds its own adds it behind the client's."""
    values = [value for key, value in scope.get("headers", ()) if key == name]
    return normalised(_decoded(values[-1])) if values else ""


def of_api_key(scope: Scope, secret: bytes) -> str:
    """The tenant with the key of `Authorization: Bearer KEY` or `x-api-key: KEY` (vLLM 0.17 to 0.33 checks the first,
    Anthropic's clients send the second); empty without a key."""
    raw = _header(scope, b"authorization")
    if raw is not None:
        kind, _, key = _decoded(raw).partition(" ")
        if kind.lower() == "bearer" and key.strip():
            return of_key(key.strip(), secret)
    other = _header(scope, b"x-api-key")
    return of_key(_decoded(other).strip(), secret) if other and other.strip() else ""


def of_body(body: bytes, fields: Sequence[str] = USER_FIELDS) -> str:
    """The tenant that the first of these fields of a JSON object names; empty if none does."""
    found = top_level_texts(body, fields)
    return next((name for field in fields if (name := normalised(found.get(field, "")))), "")


def _header(scope: Scope, name: bytes) -> bytes | None:
    found: bytes | None = next((value for key, value in scope.get("headers", ()) if key == name), None)
    return found


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
