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
from prometheus_server import prometheus_scraping
from required_tool import required_tool

from vllm_costmeter.cli.main import main

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


def test_rules_alone_agree_with_the_exporter(serve: Serve, tmp_path: Path) -> None:
    """A real Prometheus with the rules of `--engine vllm` and the price finds the exporter's $/M, from vLLM's own page.
    Both begin within two seconds of each other, and half a minute is known to a second at each end: within 10 %.
    Printed."""
    rules = tmp_path / "rules"
    assert main(["rules", str(rules), "--engine", "vllm", "--gpu-hourly-usd", str(USD_PER_HOUR)]) == 0
    flags = ("--gpu-hourly-usd", str(USD_PER_HOUR), "--interval", "1")
    program = Path(required_tool("prometheus"))
    with (
        serve() as server,
        prometheus_scraping((server.url,), program, tmp_path, tuple(rules.iterdir())) as prometheus,
    ):
        prometheus.wait_for("server:costmeter_vllm_active:ratio")
        with exporter(tmp_path, "--target", f"{server.url}/metrics", *flags) as sidecar:
            sidecar.until(lambda: sidecar.page().has("costmeter_cost_usd_total"))
            for _ in range(LOADS):
                client.load(server.url, requests=24)
                time.sleep(8)
            for per in ("all", "generated"):
                (found,) = prometheus.wait_for(
                    f'model_name:costmeter_usd_per_million_tokens:rate5m{{per="{per}"}}'
                )
                outside = sidecar.page().value("costmeter_usd_per_million_tokens", per=per, window="5m")
                print(per, "rules", found["value"][1], "exporter", outside)
                assert float(found["value"][1]) == pytest.approx(outside, rel=0.1)


def spent(before: Moment, after: Moment, **labels: str) -> float:
    return added(before, after, "costmeter_cost_usd_total", **labels)


def tokens(after: Moment, before: Moment) -> list[float]:
    return [added(before, after, "costmeter_tokens_total", kind=kind) for kind in KINDS]
