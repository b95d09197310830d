"""Tokens and dollars of a fleet over a period, from Prometheus."""

from __future__ import annotations

import json
import math
import os
import re
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from vllm_costmeter.core.errors import OTHERWISE, BadInputError
from vllm_costmeter.core.pricing.api_price import ServedTokens
from vllm_costmeter.sources.files.fetch import fetch_text, is_url
from vllm_costmeter.sources.servers.served import tokens_of

TOKEN_VARIABLE = "COSTMETER_PROMETHEUS_TOKEN"
SAME_SERVER = "on (cluster, model_name, job, instance)"
_PERIOD = re.compile(r"[1-9][0-9]{0,5}[smhdwy]")


class Served(NamedTuple):
    """Over a period."""

    tokens: ServedTokens
    usd: float | None
    """The bill of the same period; None if there was no price."""
    priced: ServedTokens
    """Of the servers that the bill is of."""


def served_over(url: str, period: str, model_name: str | None = None) -> Served:
    """`increase()` of the meter's counters over the last `period`, over all servers (of one model).

    Raises BadInputError for an invalid period, a response that is not from Prometheus, and if there are no such tokens.
    """
    if not _PERIOD.fullmatch(period):
        raise BadInputError(f"--period must be like 24h, 7d or 30d, got {period!r}")
    where = "" if model_name is None else f"{{model_name={json.dumps(model_name)}}}"
    tokens, cost = (
        f"increase({counter}{where}[{period}])"
        for counter in ("costmeter_tokens_total", "costmeter_cost_usd_total")
    )
    served = _tokens(url, tokens)
    if not served.total:
        of = "" if model_name is None else f" of {model_name}"
        raise BadInputError(f"{url} has no tokens{of} in the last {period} (costmeter_tokens_total)")
    usd = query(url, f"sum({cost})")
    if not usd:
        return Served(served, None, ServedTokens(0, 0, 0))
    return Served(served, usd[0][1], _tokens(url, f"{tokens} and {SAME_SERVER} {cost}"))


def _tokens(url: str, expression: str) -> ServedTokens:
    by_kind = {labels.get("kind", ""): value for labels, value in query(url, f"sum by (kind) ({expression})")}
    return ServedTokens(*map(round, tokens_of(by_kind)))


def asked(url: str, path: str, **parameters: object) -> str:
    """What the API answers. Raises BadInputError. The token of `TOKEN_VARIABLE` is sent, if there is one."""
    if not is_url(url):
        raise BadInputError(f"Prometheus needs an address such as http://localhost:9090, got {url!r}")
    address = f"{url.rstrip('/')}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token.isprintable() or " " in token:
        raise BadInputError(f"{TOKEN_VARIABLE} is no token: it has spaces or control characters")
    try:
        return fetch_text(
            address, "application/json", called=url, authorization=f"Bearer {token}" if token else None
        )
    except BadInputError as why:
        hint = ""
        if "with 401" in str(why):
            hint = (
                f"; it refuses the token in {TOKEN_VARIABLE}"
                if token
                else f"; {TOKEN_VARIABLE} is for its token"
            )
        raise BadInputError(f"{why}{hint}") from None


def query(url: str, expression: str) -> list[tuple[dict[str, str], float]]:
    """(labels, value) of an instant vector, without non-numbers. Raises BadInputError for any other response."""
    rows = result(url, "query", query=expression)
    with prometheus_or_fault(url):
        found = [(labels, float(row["value"][1])) for labels, row in rows]
    return [(labels, value) for labels, value in found if math.isfinite(value)]


def result(url: str, path: str, **parameters: object) -> list[tuple[dict[str, str], Any]]:
    """(labels, row) of each series in an answer. Raises BadInputError for any other."""
    text = asked(url, path, **parameters)
    with prometheus_or_fault(url, text):
        found = [(dict(row["metric"]), row) for row in json.loads(text)["data"]["result"]]
        if not all(isinstance(value, str) for labels, _ in found for value in labels.values()):
            raise TypeError
    return found


@contextmanager
def prometheus_or_fault(url: str, text: str = "") -> Iterator[None]:
    """BadInputError for whatever goes wrong when an answer is taken apart."""
    try:
        yield
    except OTHERWISE:
        shown = f": {text[:40]!r}" if text else ""
        raise BadInputError(f"{url} does not respond like Prometheus{shown}") from None
