"""Whether a client wants a page or data, by its Accept header (RFC 9110, section 12.5.1)."""

from __future__ import annotations


def wants_html(accept: str) -> bool:
    """A browser names text/html; curl, scripts and Prometheus do not, or want JSON more."""
    html, data = (
        _quality(accept, ("text/html", "application/xhtml+xml")),
        _quality(accept, ("application/json",)),
    )
    return html > 0 and html >= data


def _quality(accept: str, kinds: tuple[str, ...]) -> float:
    best = 0.0
    for item in accept[:2000].split(","):
        kind, *parameters = (part.strip().lower() for part in item.split(";"))
        if kind in kinds:
            best = max(best, _weight(parameters))
    return best


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
