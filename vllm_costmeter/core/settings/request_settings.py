"""Settings about requests: whose they are, and what is shown of that."""

from __future__ import annotations

import re
from typing import Literal, cast, get_args

from vllm_costmeter.core.errors import nearest
from vllm_costmeter.core.settings.setting import Setting
from vllm_costmeter.core.settings.values import number, text

TenantSource = Literal["header", "user", "key", "adapter"]
TenantNaming = Literal["hashed", "plain"]
RequestPrice = Literal["off", "record", "header", "usage", "both", "number"]
SOURCES: tuple[TenantSource, ...] = get_args(TenantSource)
PRICE_MODES: tuple[RequestPrice, ...] = get_args(RequestPrice)
LOOPBACK = ("127.0.0.0/8", "::1/128")
ANY = "any"
MOST_TENANTS = 1_000
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # a token of RFC 9110, section 5.6.2
_SECRETS = ("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key")
_NOT_TENANTS = (*_SECRETS, "content-length", "content-type", "host", "transfer-encoding")


def _words(raw: object) -> list[str]:
    items = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) for item in items):
        raise ValueError("text, or a list of texts")
    return [item.strip() for item in items if item.strip()]


def tenant_sources(raw: object) -> tuple[TenantSource, ...]:
    """`off`, or sources in the order in which they are asked; the first that names a tenant decides."""
    if raw is False:
        return ()
    names = [name.lower() for name in _words(raw)]
    if names == ["off"]:
        return ()
    for name in names:
        if name not in SOURCES:
            known = ("off", *SOURCES)
            raise ValueError(f"off, or one or more of {', '.join(SOURCES)}{nearest(name, known, 1)}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"off, or each of {', '.join(SOURCES)} at most once")
    return tuple(cast(TenantSource, name) for name in names)


def tenant_header(raw: object) -> str:
    """The name of an HTTP header that may say who a request is for."""
    name = text(raw)
    if not _HEADER.fullmatch(name):
        raise ValueError("the name of an HTTP header: letters, digits and -, such as X-Costmeter-Tenant")
    if name.lower() in _NOT_TENANTS:
        raise ValueError(f"a header of its own, not {name}, which has another meaning or is a secret")
    return name


def trusted_peers(raw: object) -> tuple[str, ...]:
    """Networks in CIDR form, single addresses, or `any`."""
    from ipaddress import ip_network

    names = _words(raw)
    if [name.lower() for name in names] == [ANY]:
        return (ANY,)
    try:
        networks = tuple(str(ip_network(name, strict=False)) for name in names)
    except ValueError:
        networks = ()
    if not networks:
        raise ValueError("networks such as 10.0.0.0/8,::1 separated by commas, or any")
    return networks


def tenant_naming(raw: object) -> TenantNaming:
    """How names are shown on /metrics."""
    folded = str(raw).strip().lower()
    if folded not in get_args(TenantNaming):
        raise ValueError(f"hashed or plain{nearest(folded, get_args(TenantNaming), 1)}")
    return cast(TenantNaming, folded)


def tenant_limit(raw: object) -> int:
    """A whole number of tenants."""
    value = number(raw, least=1, most=MOST_TENANTS)
    if value != int(value):
        raise ValueError(f"a whole number from 1 to {MOST_TENANTS}")
    return int(value)


def request_price(raw: object) -> RequestPrice:
    """Where the price of a request is told. YAML and TOML writers turn a bare `off` into false."""
    folded = "off" if raw is False else str(raw).strip().lower()
    if folded not in PRICE_MODES:
        raise ValueError(f"one of {', '.join(PRICE_MODES)}{nearest(folded, PRICE_MODES, 1)}")
    return folded


REQUEST_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "tenant_from",
        "SOURCES",
        tenant_sources,
        "Tell the cost of each tenant apart, by: header (from trusted peers), user (the user or safety_identifier of "
        "the request), key (a keyed hash of the API key), adapter (the LoRA adapter); several are asked in their "
        "order; off (default) tells no tenants apart.",
    ),
    Setting(
        "tenant_header",
        "NAME",
        tenant_header,
        "HTTP header that names the tenant (default X-Costmeter-Tenant).",
    ),
    Setting(
        "tenant_trusted",
        "NETWORKS",
        trusted_peers,
        "Peers whose tenant header is believed, such as 10.0.0.0/8,::1, or any (default: this machine and Unix "
        "sockets).",
    ),
    Setting(
        "tenant_names",
        "HOW",
        tenant_naming,
        "Tenants' names on /metrics, which is as open as vLLM's own: hashed (default) or plain. The ledger has plain "
        "names.",
    ),
    Setting(
        "tenant_limit",
        "N",
        tenant_limit,
        f"Tenants told apart, in the order in which they come; later ones are counted together as other (default 100, "
        f"at most {MOST_TENANTS:,}).",
    ),
    Setting(
        "request_price",
        "MODE",
        request_price,
        "Price of each request: record keeps it for an hour for GET /costmeter/requests/ID, the DEBUG log and traces; "
        "header, usage and both also put it into the answer; number is both, with usage.cost as a plain number of "
        "dollars; off (default) leaves requests alone.",
    ),
)
