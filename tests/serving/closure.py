"""The law that every server keeps: the parts of its bill add up to it."""

from __future__ import annotations

import urllib.error
import urllib.request

ROUNDING_USD = 1e-9


def must_add_up(url: str) -> None:
    """Nothing of the bill is unexplained on this server's /metrics. A server that is gone, or has no price, passes, and
    so does one whose meter was made to fail: an error inside a tick may leave its parts apart, and is counted."""
    try:
        with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
    except (urllib.error.URLError, OSError):
        return
    if any(float(line.rpartition(" ")[2]) for line in lines if line.startswith("costmeter_errors_total{")):
        return
    gaps = [float(line.rpartition(" ")[2]) for line in lines if line.startswith("costmeter_unexplained_usd{")]
    assert all(abs(gap) < ROUNDING_USD for gap in gaps), gaps
