"""The main job on this machine: serve, drive, watch the cost. `make demo` runs it after `checks.py` and the set-up.

Everything it makes lies in `.demo/`; every process it starts is stopped at the end, however it ends.
"""

from __future__ import annotations

import re
import shlex
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from rich.console import Console

from scripts.demo.traffic import drive_and_watch, result_of
from scripts.install.progress import Ticker
from scripts.servers.scrape import scrape
from scripts.servers.tiny_model import make_tiny_model
from scripts.servers.vllm_server import ServerFailedError, serving

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".demo"
LEDGER = WORK / "ledger.sqlite3"
USD_PER_HOUR = "0.55"

CLOSING = """
The server has been stopped. What it cost is in its ledger:
  .venv/bin/costmeter report --ledger {ledger} --by state

For your own server, add `--plugin costmeter --gpu-hourly-usd PRICE` to `vllm serve`. Then look at its cost
  in a browser         http://HOST:8000/costmeter
  in a terminal        costmeter top HOST:8000
  in Grafana           docker compose -f grafana/docker-compose.yml up   (Prometheus scrapes HOST:8000/metrics)
  over days            costmeter report
The same, step by step: docs/tutorial.md. This took {seconds:.0f} s."""


def main() -> None:
    """Steps two to five."""
    signal.signal(signal.SIGINT, end_once)
    signal.signal(signal.SIGTERM, end_once)
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)
    started_seconds = time.monotonic()
    heading(console, 2, "A tiny Llama with random weights (nothing is downloaded)")
    model = make_tiny_model(WORK / "tiny-llama")
    console.print(f"  {model.relative_to(ROOT)}")
    heading(console, 3, "A real vLLM server with the meter")
    flags = (
        *("--served-model-name", "tiny-llama", "--plugin", "costmeter", "--gpu-hourly-usd", USD_PER_HOUR),
        *("--costmeter-ledger", str(LEDGER.relative_to(ROOT))),
    )
    console.print(f"  $ vllm serve {model.relative_to(ROOT)} {shlex.join(flags)}")
    ticker = Ticker("starting (its log is .demo/server.log)")
    with serving(model, *flags, log=WORK / "server.log", while_waiting=ticker.tick) as server:
        ticker.done("ready")
        heading(console, 4, "Traffic from `vllm bench serve`, with its live cost")
        console.print(f"  meanwhile in a browser: {server.url}/costmeter", markup=False)
        console.print(f"  or in another terminal: .venv/bin/costmeter top {server.url}", markup=False)
        drive_and_watch(server.url, model, WORK / "client.log", console)
        result = result_of(WORK / "client.log")
        console.print(result)
        heading(console, 5, "What Prometheus scrapes")
        show_counters(console, server.url)
        counted = re.search(r"Total generated tokens:\s+(\d+)", result)
        if counted:
            console.print(f"  The client counted {counted.group(1)} generated tokens.")
    console.print(closing(time.monotonic() - started_seconds), markup=False)


def closing(seconds: float) -> str:
    """What to do next."""
    return CLOSING.format(ledger=LEDGER.relative_to(ROOT), seconds=seconds)


def heading(console: Console, step: int, text: str) -> None:
    """One line announcing the next step."""
    console.print(f"\n[bold]{step}/5 {text}[/bold]")


def show_counters(console: Console, url: str) -> None:
    """The two counters from which everything else is derived, as exposed."""
    console.print(f"  {url}/metrics")
    page = scrape(url)
    for sample in page.matching("costmeter_cost_usd_total") + page.matching("costmeter_tokens_total"):
        labels = ", ".join(f'{name}="{value}"' for name, value in sample.labels.items())
        console.print(f"    {sample.name}{{{labels}}} {sample.value:.10g}", markup=False)


def end_once(signal_number: int, _: FrameType | None) -> None:
    """Unwind, which stops every process; further signals must not interrupt that."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    print("\nstopping ...", file=sys.stderr, flush=True)
    raise SystemExit(128 + signal_number)


if __name__ == "__main__":
    try:
        main()
    except ServerFailedError as failure:
        sys.exit(f"\nThe demo stopped: {failure}")
