"""`costmeter run`: run a batch job with the meter on, and show what it cost."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.rows import UsageRow
from vllm_costmeter.core.settings.table import BY_KEY
from vllm_costmeter.outputs.report.job import Job, job_text, job_values
from vllm_costmeter.plugin.activation import NAME, REQUESTED
from vllm_costmeter.sources.ledger.read import opened_ledger

EXAMPLES = """\
examples:
  a script that uses vllm.LLM
    costmeter run --gpu-hourly-usd 2.95 -- python batch.py
  vLLM's own batch runner, and the result as a file for a pipeline
    costmeter run --output cost.json -- vllm run-batch -i requests.jsonl -o answers.jsonl --model Qwen/Qwen3-8B

Everything that vLLM engines started by the command do is metered, whether it succeeds, fails or is interrupted; the
answer goes to standard error, so that the command's own output stays as it is. vllm-costmeter must be installed where
the command runs.

exit codes: the command's own (128 + N after signal N); 2 bad input, 127 if the command does not exist
"""
NOT_FOUND = 127


@dataclass(frozen=True, slots=True)
class RunFlags:
    """The command line."""

    gpu_hourly_usd: str | None
    usd_per_hour: str | None
    output: Path | None
    format: str
    job: tuple[str, ...]


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "run",
        usage="costmeter run [--gpu-hourly-usd USD | --usd-per-hour USD] [--format text|json] [--output FILE] "
        "-- COMMAND",
        description="Run a batch job with the meter on: tokens, dollars, $/M tokens, energy and idle share.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    price = parser.add_mutually_exclusive_group()
    price.add_argument(
        "--gpu-hourly-usd", metavar="USD", help="price of one GPU per hour; default: the catalogue's"
    )
    price.add_argument("--usd-per-hour", metavar="USD", help="price of all the job's GPUs together per hour")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="also write the answer, as JSON, to a new file"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("job", nargs="+", metavar="COMMAND", help="the command and its arguments, after --")


def run(args: argparse.Namespace) -> int:
    """Run the job; its exit code."""
    flags = typed(RunFlags, args, job=tuple(args.job))
    if flags.output is not None and flags.output.exists():
        raise BadInputError(f"--output {flags.output} exists already; nothing was run or overwritten")
    for key, given in (("gpu_hourly_usd", flags.gpu_hourly_usd), ("node_hourly_usd", flags.usd_per_hour)):
        if given is not None:
            _must_be_valid(key, given)
    with tempfile.TemporaryDirectory(prefix="costmeter-run-") as folder:
        ledger = Path(folder) / "ledger.sqlite3"
        began = time.monotonic()
        code = _ran(flags.job, _environment(flags, ledger))
        job = Job(flags.job, code, time.monotonic() - began, tuple(_rows(ledger)))
        sys.stdout.flush()
        answer = json.dumps(job_values(job), indent=2) + "\n"
        sys.stderr.write(job_text(job) if flags.format == "text" else answer)
        _keep(ledger)
        if flags.output is not None:
            with flags.output.open("x") as file:
                file.write(answer)
    return code


def _must_be_valid(key: str, given: str) -> None:
    try:
        BY_KEY[key].convert(given)
    except ValueError as why:
        flag = "--usd-per-hour" if key == "node_hourly_usd" else BY_KEY[key].flag
        raise BadInputError(f"{flag} must be {why}, got {given!r:.60}") from None


def _environment(flags: RunFlags, ledger: Path) -> dict[str, str]:
    given = {
        REQUESTED: NAME,
        BY_KEY["ledger"].environment_variable: str(ledger),
    }
    if flags.gpu_hourly_usd is not None:
        given[BY_KEY["gpu_hourly_usd"].environment_variable] = flags.gpu_hourly_usd
    if flags.usd_per_hour is not None:
        given[BY_KEY["node_hourly_usd"].environment_variable] = flags.usd_per_hour
    others = {name: value for name, value in os.environ.items() if not _is_other_price(name, given)}
    return {BY_KEY["preflight"].environment_variable: "warn"} | others | given


def _is_other_price(name: str, given: Mapping[str, str]) -> bool:
    """A price in the environment gives way to one on the command line."""
    prices = {
        BY_KEY[key].environment_variable for key in ("gpu_hourly_usd", "node_hourly_usd", "purchase_usd")
    }
    return name in prices and bool(prices & given.keys())


def _ran(job: Sequence[str], environment: Mapping[str, str]) -> int:
    """The command's exit code. Signals reach the command, and this process outlives it to give the answer."""
    if shutil.which(job[0], path=environment.get("PATH")) is None:
        raise BadInputError(f"{job[0]}: command not found; give the command after --")
    process = subprocess.Popen(job, env=dict(environment))
    with _passing_signals_to(process):
        code = process.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _passing_signals_to(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """SIGINT from a terminal reaches the whole group by itself; SIGTERM comes to this process alone."""
    before = (
        signal.signal(signal.SIGINT, lambda *_: None),
        signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGTERM)),
    )
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


def _rows(ledger: Path) -> list[UsageRow]:
    if not ledger.exists():
        return []
    with opened_ledger(ledger) as opened:
        return list(opened.usage(0, 1e12))


def _keep(ledger: Path) -> None:
    """Add the job to the user's own ledger, for `costmeter report`."""
    if not ledger.exists():
        return
    from vllm_costmeter.outputs.ledger.copying import add_all
    from vllm_costmeter.sources.files.ledger_path import default_ledger, unwritable

    chosen = os.environ.get(BY_KEY["ledger"].environment_variable)
    target = default_ledger() if chosen is None else Path(chosen).expanduser()
    if chosen != "off" and unwritable(target) is None:
        why = add_all(ledger, target)
        if why is not None:
            sys.stderr.write(f"costmeter: the job could not be added to {target}: {why}\n")
