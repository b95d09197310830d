"""What the meter costs in throughput: `vllm bench serve` against two servers, with and without it, in turn.

Neighbours on the machine move the throughput of a run by more than the meter does. So beside it stands what they hardly
move: the processor time of the API server's process, in which all of the meter runs, per token.
"""

from __future__ import annotations

import json
import os
import statistics
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from progress import run_step
from vllm_server import VLLM, Server, environment, serving

PAIRS = 10
PROMPTS = 300
WITH_METER = ("--plugin", "costmeter", "--gpu-hourly-usd", "0.55")


class Run(NamedTuple):
    """One run of vLLM's own client."""

    tokens_per_second: float
    processor_seconds_per_token: float


def compare(model: Path, work: Path) -> dict[str, Any]:
    """Each run by pair, and of both figures the median and quartiles of the paired differences as shares."""
    runs: dict[str, list[Run]] = {"without": [], "with": []}
    with ExitStack() as stack:
        servers = {
            "without": stack.enter_context(start(model, work / "without.log", (), {"VLLM_PLUGINS": "none"})),
            "with": stack.enter_context(start(model, work / "with.log", WITH_METER, {})),
        }
        for server in servers.values():
            run(server, model, work, "warming up")
        for pair in range(PAIRS):
            for name in ("without", "with") if pair % 2 else ("with", "without"):
                runs[name].append(run(servers[name], model, work, f"pair {pair + 1} of {PAIRS}, {name}"))
    return {figure: paired(figure, runs) for figure in Run._fields}


def paired(figure: str, runs: dict[str, list[Run]]) -> dict[str, Any]:
    """One figure of all runs, and how that with the meter differs from that without it."""
    values = {name: [getattr(one, figure) for one in of] for name, of in runs.items()}
    shares = [metered / plain - 1 for plain, metered in zip(values["without"], values["with"], strict=True)]
    low, median, high = statistics.quantiles(shares, n=4, method="inclusive")
    return {**values, "paired_difference": {"median": median, "quartiles": [low, high]}}


def start(model: Path, log: Path, flags: tuple[str, ...], env: dict[str, str]) -> Any:
    """One of the two servers; both stay up, only one of them has work at a time."""
    return serving(model, "--served-model-name", "tiny", *flags, log=log, env=env)


def processor_seconds(server: Server) -> float:
    """Of the API server's process, all its threads, since it started."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime: proc(5)


def run(server: Server, model: Path, work: Path, title: str) -> Run:
    """Prompt and generated tokens of one run, per second and by processor time."""
    before = processor_seconds(server)
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
    told = json.loads(result.read_text())
    tokens = told["total_input_tokens"] + told["total_output_tokens"]
    return Run(told["total_token_throughput"], (processor_seconds(server) - before) / tokens)
