"""Ninety minutes of mixed traffic on servers with every feature on, beside the same servers without the plugin."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import client
import pytest
from closure import ROUNDING_USD, must_add_up
from counts import counts
from harness import FEW_PROCESSES, METERED, ROOT, SLEEPS, USD_PER_HOUR
from mixed_traffic import ADAPTERS, Traffic, embedding, generating, mixed
from moments import Moment, added, seen
from patience import holds_within
from process_samples import MIB, Samples
from sleeping import asleep
from tiny_adapters import adapter_flags

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server, serving
from vllm_costmeter.cli.main import main

from .test_signals import LATE_SECONDS, spent

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from otlp_receiver import Receiver, http_receiver

pytestmark = pytest.mark.soak

RECORD = ROOT / "docs" / "reliability" / "soak.json"
WARM_UP_SECONDS = 600
SLEEP_EVERY_SECONDS = 600
SAMPLE_EVERY_SECONDS = 15
MOST_MIB_PER_HOUR = 1.0
OURS = ("vllm", "VLLM::EngineCor")
"""Processes that run our code: the API server and the engine, as the kernel shortens their names."""
WORKER = "VLLM::Worker"
PAGES = 2
KINDS = {
    "generates": (generating, 1.5, 3, ("--max-num-seqs", "16")),
    "embeds": (embedding, 0.3, 1, ("--runner", "pooling", "--convert", "embed")),
}
EVERYTHING = (
    *METERED,
    *("--costmeter-tenant-from", "header,user", "--costmeter-tenant-names", "plain"),
    *("--costmeter-request-price", "both", "--costmeter-budget-action", "refuse"),
)


@dataclass
class Soaked:
    """One server, its traffic and what its processes held."""

    kind: str
    metered: bool
    server: Server
    traffic: Traffic
    samples: Samples
    held: list[tuple[int, int]] = field(default_factory=list)
    """(descriptors, threads) with nothing under way."""
    looks: int = 0
    scrapes: int = 0

    def quiet(self) -> None:
        """Note what is held, and let it sleep for a while."""
        self.traffic.pause()
        time.sleep(10)  # connections that are kept alive end after five seconds
        sample = self.samples.take()
        self.held.append((sample.descriptors, sample.threads))
        if self.kind == "generates":
            with asleep(self.server, 1):
                time.sleep(5)
        self.traffic.resume()


@contextlib.contextmanager
def soaked(kind: str, metered: bool, model: Path, folder: Path, receiver: Receiver) -> Iterator[Soaked]:
    """A server under its traffic."""
    ask, per_second, clients, flags = KINDS[kind]
    name = f"{kind}-{'with' if metered else 'without'}"
    if kind == "generates":
        flags = (*flags, *adapter_flags(folder / f"{name}-adapters", *ADAPTERS))
    if metered:
        ledger = folder / f"{name}.sqlite3"
        flags = (*EVERYTHING, "--costmeter-otlp", receiver.url, "--costmeter-ledger", str(ledger), *flags)
        assert (
            main(["budget", "set", "acme", "1000", "--new", "--per", "month", "--ledger", str(ledger)]) == 0
        )
    env = {**FEW_PROCESSES, **SLEEPS, "VLLM_ENABLE_V1_MULTIPROCESSING": "1"}
    env |= {"XDG_STATE_HOME": str(folder / f"{name}.state"), "OTEL_METRIC_EXPORT_INTERVAL": "10000"}
    named = ("--served-model-name", "tiny", *flags)
    with (
        serving(model, *named, log=folder / f"{name}.log", env=env) as server,
        mixed(server.url, ask, per_second, clients) as traffic,
    ):
        yield Soaked(kind, metered, server, traffic, Samples(server.process.pid))


def look_on(soak: Soaked, over: threading.Event) -> None:
    """An open page."""
    url, told = f"{soak.server.url}/costmeter/data", {"refresh_seconds": 0.0}
    query: dict[str, Any] = {}
    while not over.wait(told["refresh_seconds"]):
        told = client.get(url, params=query).raise_for_status().json()
        soak.looks += 1
        rows = told["history"]["rows"]
        since = rows[-2][0] if len(rows) > 1 else query.get("since", -1)
        query = {"instance": told["instance"], "since": since}


def scrape_on(soak: Soaked, over: threading.Event) -> None:
    """As Prometheus does, every five seconds."""
    while not over.wait(5):
        scrape(soak.server.url)
        soak.scrapes += 1


def test_ninety_minutes(tiny_model: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The memory that the plugin adds does not grow, nor do descriptors and threads; tokens are vLLM's own, the bill is
    price times time, its parts add up, and no fault was counted."""
    seconds = 60 * float(request.config.getoption("--soak"))
    over = threading.Event()
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(http_receiver())
        soaks = [
            stack.enter_context(soaked(kind, metered, tiny_model, tmp_path, receiver))
            for kind in KINDS
            for metered in (False, True)
        ]
        stack.callback(over.set)
        for soak in soaks:
            lookers = [scrape_on, *([look_on] * PAGES if soak.metered else [])]
            for look in lookers:
                threading.Thread(target=look, args=(soak, over), daemon=True).start()
        began = time.monotonic()
        firsts = {soak.kind: seen(soak.server) for soak in soaks if soak.metered}
        next_quiet = began + min(WARM_UP_SECONDS, seconds / 3)
        while time.monotonic() < began + seconds:
            for soak in soaks:
                soak.samples.take()
            if time.monotonic() >= next_quiet:
                next_quiet += min(SLEEP_EVERY_SECONDS, seconds / 3)
                for soak in soaks:
                    soak.quiet()
            time.sleep(SAMPLE_EVERY_SECONDS)
        for soak in soaks:
            soak.traffic.pause()
        warm = began + min(WARM_UP_SECONDS, seconds / 3)
        figures: dict[str, Any] = {
            "minutes": seconds / 60,
            "on": datetime.now(UTC).date().isoformat(),
        }
        for kind in KINDS:
            pair = [soak for soak in soaks if soak.kind == kind]
            figures[kind] = judged(pair, firsts[kind], warm, tmp_path)
        for soak in soaks:
            soak.traffic.resume()
    print(json.dumps(figures, indent=1))
    if request.config.getoption("--record"):
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps(figures, indent=1) + "\n")
    for kind in KINDS:
        must_have_held(figures[kind])


def judged(pair: list[Soaked], first: Moment, since: float, folder: Path) -> dict[str, Any]:
    """The figures of a pair, while both are quiet."""
    without, with_it = pair
    ledger = folder / f"{with_it.kind}-with.sqlite3"
    url = with_it.server.url
    assert holds_within(lambda: len(set(counts(url))) == 1, 30), counts(url)
    must_add_up(url)
    ours, theirs = counts(url)
    last = seen(with_it.server)
    time.sleep(LATE_SECONDS)
    usd, page = added(first, last, "costmeter_cost_usd_total"), last.page
    usd_shown = page.total("costmeter_cost_usd_total")
    parts = page.total("costmeter_tenant_cost_usd_total") + page.total("costmeter_unattributed_usd")
    both = (("with", with_it), ("without", without))
    growth = {
        process: {name: soak.samples.mib_per_hour(process, since) for name, soak in both}
        for process in (*OURS, WORKER)
    }
    return {
        "requests": with_it.traffic.sent,
        "requests_without_the_plugin": without.traffic.sent,
        "seconds": last.seconds - first.seconds,
        "scrapes": with_it.scrapes,
        "answers_to_pages": with_it.looks,
        "broken": len(with_it.traffic.broken),
        "broken_with": with_it.traffic.broken[:3],
        "broken_without_the_plugin": without.traffic.broken[:3],
        "tokens_ours": [ours.computed, ours.cached, ours.generated],
        "tokens_of_vllm": [theirs.computed, theirs.cached, theirs.generated],
        "generated_told_to_clients": with_it.traffic.told_generated,
        "bill_error": usd * 3600 / (last.seconds - first.seconds) / USD_PER_HOUR - 1,
        "tenants_against_active": parts - page.total("costmeter_cost_usd_total", state="active"),
        "ledger_seconds_behind": (usd_shown - spent(ledger).usd()) * 3600 / USD_PER_HOUR,
        "unexplained_usd": page.total("costmeter_unexplained_usd"),
        "faults": page.total("costmeter_errors_total"),
        "mib_per_hour": growth,
        "mib_per_hour_added": sum(growth[name]["with"] - growth[name]["without"] for name in OURS),
        "mib": {
            name: [
                {process: round(held / MIB, 1) for process, held in each.anonymous_bytes.items()}
                for each in soak.samples.taken[::20]
            ]
            for name, soak in both
        },
        "descriptors": {name: [d for d, _ in soak.held] for name, soak in both},
        "threads": {name: [t for _, t in soak.held] for name, soak in both},
    }


def must_have_held(figures: dict[str, Any]) -> None:
    """What is promised of a pair."""
    assert figures["broken"] == 0, figures["broken_with"]
    assert figures["tokens_ours"] == figures["tokens_of_vllm"]
    assert figures["tokens_ours"][2] >= figures["generated_told_to_clients"]
    assert abs(figures["bill_error"]) <= 0.001
    assert abs(figures["tenants_against_active"]) < 1e-9
    assert abs(figures["unexplained_usd"]) < ROUNDING_USD
    assert abs(figures["ledger_seconds_behind"]) <= LATE_SECONDS
    assert figures["faults"] == 0
    assert figures["scrapes"] >= figures["seconds"] / 20, "the scraper ended"
    assert figures["answers_to_pages"] >= figures["seconds"] / 20, "the pages ended"
    assert figures["mib_per_hour_added"] < MOST_MIB_PER_HOUR
    for what in ("descriptors", "threads"):
        grown = {name: held[-1] - held[0] for name, held in figures[what].items()}
        assert grown["with"] <= max(0, grown["without"]), figures[what]
