"""Measure a real vLLM on the CPU under random arrivals: `python -m scripts.accuracy.arrivals_measured FOLDER`.

Three closed loops of `vllm bench serve` (1, 4 and 16 at once, as many as the server runs) give its capacity; three
runs of Poisson arrivals at 30, 60 and 85 % of it follow. Each run's summary, with the mean time in vLLM's queue, is a
JSON file in FOLDER. Steps are held to a stated time (`steady_steps`), because other programs on a small machine would
change its capacity from run to run. About eight minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from scripts.accuracy import steady_steps
from scripts.servers.scrape import scrape
from scripts.servers.tiny_model import make_tiny_model
from scripts.servers.vllm_server import VLLM, Server, environment, serving

PROMPT_TOKENS, OUTPUT_TOKENS, RANGE = 128, 48, 0.5
"""Both lengths are drawn evenly from half to one and a half times these."""
PLACES, BATCHED_TOKENS = 16, 512
"""--max-num-seqs and --max-num-batched-tokens."""
FLAGS = (
    "--load-format",
    "dummy",
    "--max-num-seqs",
    str(PLACES),
    "--max-num-batched-tokens",
    str(BATCHED_TOKENS),
)
CLOSED = {1: 24, 4: 80, PLACES: 320}
"""Requests at once, and in all."""
SHARES, SECONDS = (0.3, 0.6, 0.85), 75
KEPT = (
    "date",
    "num_prompts",
    "completed",
    "failed",
    "request_rate",
    "burstiness",
    "max_concurrency",
    "duration",
)
TOTALS = (
    "total_input_tokens",
    "total_output_tokens",
    "request_throughput",
    "output_throughput",
    "total_token_throughput",
)
LATENCIES = tuple(f"{word}_{name}_ms" for name in ("ttft", "tpot", "e2el") for word in ("mean", "p50", "p95"))


def main() -> int:
    """Write the files; nothing is written over another."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch, _server(Path(scratch)) as server:
        capacity = 0.0
        for concurrency, requests in CLOSED.items():
            asked = ("--max-concurrency", str(concurrency), "--num-prompts", str(requests))
            found = _run(server, Path(scratch), f"closed-{concurrency}", asked)
            capacity = found["request_throughput"]
            _keep(folder / f"closed-{concurrency}.json", found)
        for share in SHARES:
            rate = share * capacity
            asked = ("--request-rate", f"{rate:.3f}", "--num-prompts", str(round(rate * SECONDS)))
            _keep(
                folder / f"poisson-{share:.0%}.json".replace("%", ""),
                _run(server, Path(scratch), f"p{share}", asked),
            )
    return 0


def _server(scratch: Path) -> AbstractContextManager[Server]:
    steady_steps.install(scratch)
    path = os.pathsep.join([str(scratch), *filter(None, [os.environ.get("PYTHONPATH")])])
    model = make_tiny_model(scratch / "model")
    flags = (*FLAGS, "--no-enable-prefix-caching")
    return serving(model, *flags, log=scratch / "server.log", env={"PYTHONPATH": path})


def _run(server: Server, scratch: Path, name: str, asked: tuple[str, ...]) -> dict[str, Any]:
    before = _queue(server)
    words = [str(VLLM), "bench", "serve", "--base-url", server.url, "--model", str(scratch / "model")]
    words += ["--dataset-name", "random", "--ignore-eos", "--random-input-len", str(PROMPT_TOKENS)]
    words += ["--random-output-len", str(OUTPUT_TOKENS), "--random-range-ratio", str(RANGE), *asked]
    words += [
        "--seed",
        str(len(name)),
        "--percentile-metrics",
        "ttft,tpot,e2el",
        "--metric-percentiles",
        "50,95",
    ]
    words += ["--save-result", "--result-dir", str(scratch), "--result-filename", f"{name}.json"]
    subprocess.run(words, env=environment(), check=True, capture_output=True)
    found: dict[str, Any] = json.loads((scratch / f"{name}.json").read_text())
    waited, requests = (after - old for after, old in zip(_queue(server), before, strict=True))
    kept = {key: found[key] for key in (*KEPT, *TOTALS, *LATENCIES)}
    print(
        name,
        kept["request_throughput"],
        kept["mean_ttft_ms"],
        kept["mean_tpot_ms"],
        os.getloadavg(),
        flush=True,
    )
    return kept | {"mean_queue_ms": 1e3 * waited / requests, "load_average": os.getloadavg()[0]}


def _queue(server: Server) -> tuple[float, float]:
    """(seconds that requests waited to be scheduled, requests), since the start."""
    page = scrape(server.url)
    name = "vllm:request_queue_time_seconds"
    return page.total(f"{name}_sum"), page.total(f"{name}_count")


def _keep(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
