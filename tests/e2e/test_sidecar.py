"""The exporter beside the plugin, on one real server."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import client
import pytest
from exporter_process import exporter
from harness import METERED, USD_PER_HOUR, Serve
from moments import Moment, added, seen

pytestmark = pytest.mark.heavy

KINDS = ("prompt_computed", "prompt_cached", "generated")
LOADS = 4
LOOK_SECONDS = 1.0 * 1.2
"""The longest time between two looks."""


def test_the_exporter_agrees_with_the_plugin(serve: Serve, tmp_path: Path) -> None:
    """The same tokens, exactly; dollars per second of the clock within 0.1 %; active dollars within what looks once a
    second can miss at the start and the end of each load. Printed, for the record."""
    flags = ("--gpu-hourly-usd", str(USD_PER_HOUR), "--interval", "1")
    with (
        serve(*METERED) as server,
        exporter(tmp_path, "--target", f"{server.url}/metrics", *flags) as sidecar,
    ):
        sidecar.until(lambda: sidecar.page().has("costmeter_cost_usd_total"))
        beside = SimpleNamespace(url=sidecar.url)
        time.sleep(2)
        before = seen(server), seen(beside)
        for _ in range(LOADS):
            client.load(server.url, requests=24)
            time.sleep(3)
        sidecar.until(lambda: tokens(seen(beside), before[1]) == tokens(seen(server), before[0]))
        time.sleep(2)
        after = seen(server), seen(beside)
        plugin, outside = (
            {state: spent(one, two, state=state) for state in ("active", "idle", "asleep")}
            for one, two in zip(before, after, strict=True)
        )
        lasted = [two.seconds - one.seconds for one, two in zip(before, after, strict=True)]
        print(
            tokens(after[0], before[0]),
            f"plugin {plugin} in {lasted[0]:.3f} s, exporter {outside} in {lasted[1]:.3f} s",
        )
        assert tokens(after[1], before[1]) == tokens(after[0], before[0])
        assert sum(outside.values()) / lasted[1] == pytest.approx(sum(plugin.values()) / lasted[0], rel=1e-3)
        missed = 2 * LOADS * LOOK_SECONDS * USD_PER_HOUR / 3600
        assert outside["active"] == pytest.approx(plugin["active"], abs=missed)


def spent(before: Moment, after: Moment, **labels: str) -> float:
    return added(before, after, "costmeter_cost_usd_total", **labels)


def tokens(after: Moment, before: Moment) -> list[float]:
    return [added(before, after, "costmeter_tokens_total", kind=kind) for kind in KINDS]
