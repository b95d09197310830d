"""What the meter costs in throughput: `vllm bench serve` against two servers, with and without it, in turn."""

from __future__ import annotations

import json
import statistics
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from progress import run_step
from vllm_server import VLLM, Server, environment, serving

PAIRS = 10
PROMPTS = 300
WITH_METER = ("--plugin", "costmeter", "--gpu-hourly-usd", "0.55")


def compare(model: Path, work: Path) -> dict[str, Any]:
    """Tokens per second of each run by pair, and the median of the paired differences as a share."""
    rates: dict[str, list[float]] = {"without": [], "with": []}
    with ExitStack() as stack:
        servers = {
            "without": stack.enter_context(start(model, work / "without.log", (), {"VLLM_PLUGINS": "none"})),
            "with": stack.enter_context(start(model, work / "with.log", WITH_METER, {})),
        }
        for server in servers.values():
            run(server, model, work, "warming up")
        for pair in range(PAIRS):
            for name in ("without", "with") if pair % 2 else ("with", "without"):
                rates[name].append(run(servers[name], model, work, f"pair {pair + 1} of {PAIRS}, {name}"))
    shares = [metered / plain - 1 for plain, metered in zip(rates["without"], rates["with"], strict=True)]
    low, _, high = statistics.quantiles(shares, n=4)
    return {
        "tokens_per_second": rates,
        "paired_difference": {"median": statistics.median(shares), "quartiles": [low, high]},
    }


def start(model: Path, log: Path, flags: tuple[str, ...], env: dict[str, str]) -> Any:
    """One of the two servers; both stay up, only one of them has work at a time."""
    return serving(model, "--served-model-name", "tiny", *flags, log=log, env=env)


def run(server: Server, model: Path, work: Path, title: str) -> float:
    """Prompt and generated tokens per second of one run of vLLM's own client."""
    result = work / "result.json"
    command = (
        *(
            str(VLLM),
            "bench",
            "serve",
            "--base-url",
            server.url,
            "--model",
            "tiny",
            "--tokenizer",
            str(model),
        ),
        *(
            "--dataset-name",
            "random",
            "--random-input-len",
            "128",
            "--random-output-len",
            "128",
            "--ignore-eos",
        ),
        *("--num-prompts", str(PROMPTS), "--max-concurrency", "32", "--seed", "1", "--disable-tqdm"),
        *("--save-result", "--result-dir", str(work), "--result-filename", result.name),
    )
    run_step(title, command, work / "client.log", environment())
    rate: float = json.loads(result.read_text())["total_token_throughput"]
    return rate
