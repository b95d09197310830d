"""A thousand replicas in one process: the project's own meters under made-up loads, served as a thousand targets.

Meters advance to the present when they are scraped, so what Prometheus sees changes as it would; only the load and the
driver's readings are invented. A hundred meters run, and ten replicas show each: a thousand would keep a core busy
beside the Prometheus that is measured. vLLM's own metrics are left out: they are vLLM's, metered or not.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from scripts.panels.replica import EIGHT, SEVENTY, TICK_SECONDS, Replica
from scripts.panels.simulated_fleet import Simulation
from vllm_costmeter.core.pricing.price import rental_price
from vllm_costmeter.outputs.metrics.prometheus import CollectorRegistry, generate_latest

METERS, MODELS, CLUSTERS = 100, 20, 4
GPUS = (("H100 SXM", 2.5), ("A100 SXM 80GB", 1.6), ("L40S", 0.9), ("RTX 4090", 0.4))
"""Names in the catalogue, and made-up dollars an hour."""


def replica(number: int) -> Replica:
    """The n-th of the fleet: one GPU (four for a large model), one of 20 models, a load of its own."""
    gpu, usd = GPUS[number % len(GPUS)]
    gpus, work = (4, SEVENTY) if number % 10 == 0 else (1, EIGHT)
    return Replica(
        f"replica-{number}",
        f"cluster-{number % CLUSTERS}",
        f"model-{number % MODELS}",
        gpus,
        rental_price(usd_per_gpu_hour=usd, gpus=gpus, source="flag"),
        work,
        lambda second: max(0.0, 2 + 3 * math.sin(second / 300 + number)),
        gpu=gpu,
    )


class Target:
    """One replica as its /metrics page, advanced to the present at every scrape."""

    def __init__(self, number: int) -> None:
        self.replica = replica(number)
        self.simulation = Simulation(self.replica)
        self.registry = CollectorRegistry()
        self.registry.register(self.simulation.collector)
        self.began = time.monotonic()
        self.lock = threading.Lock()
        self.simulation.advance(0)
        self.latest = generate_latest(self.registry)

    def page(self) -> bytes:
        """The exposition now."""
        with self.lock:
            before = self.simulation.now
            while self.simulation.now + TICK_SECONDS <= time.monotonic() - self.began:
                self.simulation.advance(self.simulation.now)
            if self.simulation.now > before:
                self.latest = generate_latest(self.registry)
            return self.latest


@contextmanager
def served(count: int, targets_file: Path) -> Iterator[str]:
    """Serves the replicas at /0, /1, ... and writes Prometheus's list of targets. Gives the address."""
    meters = [Target(number) for number in range(min(METERS, count))]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = meters[int(self.path[1:]) % METERS].page()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """A thousand lines a scrape interval would be no help."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"127.0.0.1:{server.server_port}"
    listed = [
        {
            "targets": [address],
            "labels": {
                "__metrics_path__": f"/{number}",
                "instance": replica(number).instance,
                "cluster": replica(number).cluster,
            },
        }
        for number in range(count)
    ]
    targets_file.write_text(json.dumps(listed))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()
