"""One engine over two nodes, both on this machine's CPU: `python -m scripts.fleet.two_nodes MODEL --pipeline`.

The head serves and meters; the second node is `vllm serve --headless`, which has no API server and so no meter. Prints
JSON: tokens as vLLM counts them and as the meter does, and the GPU seconds charged in a second.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from scripts.servers.vllm_server import VLLM, Server, environment, free_port, running, serving

USD_PER_GPU_HOUR, REQUESTS, TOKENS = 36.0, 8, 20


def samples(server: Server) -> dict[str, float]:
    """Name -> sum over labels, of the server's page."""
    page = urllib.request.urlopen(f"{server.url}/metrics").read().decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            kind = sample.labels.get("kind")
            name = f"{sample.name}[{kind}]" if kind else sample.name
            found[name] = found.get(name, 0.0) + sample.value
    return found


def ask(server: Server, number: int) -> None:
    """One request."""
    body = {
        "model": "tiny",
        "prompt": [10 + number + place for place in range(40)],
        "max_tokens": TOKENS,
        "ignore_eos": True,
    }
    request = urllib.request.Request(
        f"{server.url}/v1/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=120).read()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument(
        "--pipeline", action="store_true", help="pipeline parallel instead of tensor parallel"
    )
    given = parser.parse_args()
    split = "--pipeline-parallel-size" if given.pipeline else "--tensor-parallel-size"
    flags = (split, "2", "--nnodes", "2", "--master-addr", "127.0.0.1", "--master-port", str(free_port()))
    flags += ("--distributed-executor-backend", "mp", "--served-model-name", "tiny", "--max-num-seqs", "8")
    small = ("--enforce-eager", "--max-model-len", "1024", "--node-rank", "1", "--headless")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        second = (str(VLLM), "serve", str(given.model), *flags, *small)
        metered = ("--plugin", "costmeter", "--gpu-hourly-usd", str(USD_PER_GPU_HOUR), "--node-rank", "0")
        log = folder / "second.log"
        try:
            with (
                running(second, log, environment()),
                serving(
                    given.model, *flags, *metered, log=folder / "head.log", ready_within_seconds=180
                ) as head,
            ):
                for number in range(REQUESTS):
                    ask(head, number)
                time.sleep(3)
                before, began = samples(head), time.monotonic()
                time.sleep(10)
                after, seconds = samples(head), time.monotonic() - began
        finally:
            print("\n".join(log.read_text(errors="replace").splitlines()[-15:]), file=sys.stderr)
    wanted = ("vllm:prompt_tokens_total", "vllm:generation_tokens_total", "costmeter_errors_total")
    gpus, usd = "costmeter_gpu_seconds_total", "costmeter_cost_usd_total"
    print(
        json.dumps(
            {
                "split": split,
                "asked": {"prompt": REQUESTS * 40, "generated": REQUESTS * TOKENS},
                **{name: after[name] for name in wanted},
                **{name: value for name, value in after.items() if name.startswith("costmeter_tokens_total")},
                "gpu_seconds_per_second": (after[gpus] - before[gpus]) / seconds,
                "usd_per_hour": (after[usd] - before[usd]) / seconds * 3600,
                "cores": os.cpu_count(),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
