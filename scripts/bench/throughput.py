"""What the meter costs in throughput: `vllm bench serve` against two servers, with and without it, many short pairs.

Both servers are up all the time and one of them runs: the other is stopped by signal. Their processes share one core
and the client has another, so that what is measured is work and not scheduling. Neighbouring runs drift alike, so a
pair is two runs in a row, and the order turns with every pair (ABBA). Beside tokens per second, the processor time of
the server's processes is compared: it scatters far less. Half of the pairs run on a second start of both servers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from scripts.bench.paired import differences, summary
from scripts.bench.processes import cpu_seconds, paused, pin
from scripts.install.progress import Ticker
from scripts.servers.vllm_server import Server, environment, serving

PAIRS = 42
STARTS = 2  # a process has a speed of its own (where its memory lies): half of the pairs run on fresh servers
PROMPTS = 48  # two waves of 24: about four seconds
CLIENT_FLAGS = (
    *("--dataset-name", "random", "--random-input-len", "128", "--random-output-len", "128", "--ignore-eos"),
    *("--num-prompts", str(PROMPTS), "--max-concurrency", "24", "--disable-tqdm", "--temperature", "0"),
)
WITH_METER = ("--plugin", "costmeter", "--gpu-hourly-usd", "0.55")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}  # as many as it has cores


def compare(model: Path, work: Path, pairs: int = PAIRS) -> dict[str, Any]:
    """Tokens per second and processor seconds per request of each run by pair, and what their differences say."""
    rates: dict[str, list[float]] = {"without": [], "with": []}
    seconds: dict[str, list[float]] = {"without": [], "with": []}
    with live_client(model, work / "client.log") as client:
        for start in range(STARTS):
            with both_servers(model, work, first="with" if start % 2 else "without") as servers:
                on_separate_cores(list(servers.values()), client)
                ticker = Ticker(f"{pairs // STARTS} pairs of runs, start {start + 1} of {STARTS}")
                for pair in range(-1, pairs // STARTS):  # the first warms up
                    order = ("without", "with") if pair % 2 else ("with", "without")
                    for name, other in (order, order[::-1]):
                        with paused(servers[other].process.pid):
                            rate, used = one_run(servers[name], client, seed=start * pairs + pair + 2)
                        if pair >= 0:
                            rates[name].append(rate)
                            seconds[name].append(used)
                    ticker.tick()
                ticker.done()
    return {
        "tokens_per_second": rates,
        "server_cpu_seconds_per_request": seconds,
        "paired_difference": summary(differences(rates["without"], rates["with"])),
        "paired_cpu_difference": summary(differences(seconds["without"], seconds["with"])),
    }


@contextmanager
def both_servers(model: Path, work: Path, first: str) -> Iterator[dict[str, Server]]:
    """One server without the meter and one with it, fresh, `first` started first."""
    flags = {"without": (), "with": WITH_METER}
    environments = {"without": {**ONE_THREAD, "VLLM_PLUGINS": "none"}, "with": ONE_THREAD}
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                serving(
                    *(model, "--served-model-name", "tiny", *flags[name]),
                    log=work / f"{name}.log",
                    env=environments[name],
                )
            )
            for name in sorted(flags, key=lambda name: name != first)
        }


@contextmanager
def live_client(model: Path, log: Path) -> Iterator[subprocess.Popen[str]]:
    """`bench/client.py`, ended afterwards; what vLLM's client prints goes to `log`."""
    script = Path(__file__).with_name("client.py")
    command = [sys.executable, script, "--model", "tiny", "--tokenizer", model, *CLIENT_FLAGS]
    with log.open("w") as output:
        client = subprocess.Popen(
            command,
            text=True,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
        )
    try:
        yield client
    finally:
        client.kill()
        client.wait()


def on_separate_cores(servers: list[Server], client: subprocess.Popen[str]) -> None:
    """The servers on one core and the client on another; left to the kernel where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(client.pid, {cores[1]})
        for server in servers:
            pin(server.process.pid, cores[0])


def one_run(server: Server, client: subprocess.Popen[str], seed: int) -> tuple[float, float]:
    """(prompt and generated tokens per second, processor seconds of the server per request) of one run."""
    assert client.stdin is not None
    assert client.stdout is not None
    before = cpu_seconds(server.process.pid)
    client.stdin.write(f"{server.url} {seed}\n")
    client.stdin.flush()
    line = client.stdout.readline()
    if not line:
        raise SystemExit("vLLM's client ended early; its output is in client.log")
    used = cpu_seconds(server.process.pid) - before
    measured = json.loads(line)
    if measured["completed"] != PROMPTS:
        raise SystemExit(f"{measured['completed']} of {PROMPTS} requests were answered: nothing to compare")
    return measured["total_token_throughput"], used / PROMPTS
