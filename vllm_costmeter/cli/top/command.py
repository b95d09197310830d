"""`costmeter top`: running servers in a terminal."""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.cli.top.view import View
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.economics.bench_run import Per
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fleet.order import KEYS, ORDER, matching, ordered
from vllm_costmeter.sources.servers.polling import Poller
from vllm_costmeter.sources.servers.reading import read_server
from vllm_costmeter.sources.servers.targets import TargetFile, page_addresses

DEFAULT = "localhost:8000"
ALL_READ, SOME_DOWN = 0, 1
WAIT_SECONDS = 0.02
EXAMPLES = """\
examples:
  the server on this machine
    costmeter top
  several, the dearest tokens first
    costmeter top gpu-1:8000 gpu-2:8000 https://llm.example/metrics --sort usd-per-million
  a list that may change while it runs: one address a line, or Prometheus' file_sd in JSON
    costmeter top --targets servers.txt
  once, for a script
    costmeter top gpu-1:8000 gpu-2:8000 --once --format json

tokens/s and $/M are of the last --window, $/h and KV of now; idle (its share of the bill), J/token and total $
since each server's start. A server without the meter shows what vLLM itself publishes.
keys: q quit, s and S sort by the next or previous column, r reverse, / filter, Esc all, arrows and PgUp, PgDn scroll

exit codes: 0 quit, or with --once all servers answered; 1 with --once some did not; 2 bad input
"""

Format = Literal["text", "json"]
Window = Literal["1m", "5m", "1h"]


@dataclass(frozen=True, slots=True)
class TopFlags:
    """The command line."""

    servers: Sequence[str]
    targets: Path | None
    once: bool
    format: Format | None
    per: Per
    window: Window
    interval: float
    timeout: float
    sort: str
    reverse: bool
    filter: str


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "top",
        usage="costmeter top [URL...] [--targets FILE] [--once [--format json]] [options]",
        description="Running servers in a terminal: state, tokens, dollars, KV cache, energy.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("servers", nargs="*", metavar="URL", help=f"of a server; default: {DEFAULT}")
    parser.add_argument("--targets", type=Path, metavar="FILE", help="addresses; read again when it changes")
    parser.add_argument("--once", action="store_true", help="print one table and end; needs no terminal")
    parser.add_argument("--format", choices=("text", "json"), help="with --once; default: text")
    parser.add_argument(
        "--per",
        choices=("generated", "all"),
        default="generated",
        help="tokens that count; default: generated",
    )
    parser.add_argument(
        "--window", choices=("1m", "5m", "1h"), default="1m", help="of tokens/s and $/M; default: 1m"
    )
    parser.add_argument(
        "--interval", type=_seconds, default=2.0, metavar="SECONDS", help="between two readings; default: 2"
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=5.0, metavar="SECONDS", help="for a server to answer; default: 5"
    )
    parser.add_argument("--sort", choices=KEYS, default=ORDER, help=f"default: {ORDER}")
    parser.add_argument("--reverse", action="store_true", help="the order turned round")
    parser.add_argument(
        "--filter", default="", metavar="TEXT", help="only servers, models or states that contain it"
    )


def run(args: argparse.Namespace) -> int:
    """Watch the servers, or print them once."""
    flags = typed(TopFlags, args)
    if flags.format is not None and not flags.once:
        raise BadInputError("--format is for --once: without it the table is live")
    given = page_addresses(flags.servers)
    file = None if flags.targets is None else TargetFile(flags.targets)
    listed = () if file is None else file.read()
    if not given and file is None:
        given = page_addresses([DEFAULT])
    read = functools.partial(read_server, per=flags.per, window=flags.window, within_seconds=flags.timeout)
    poller = Poller(read, flags.interval)
    if flags.once:
        return _once(poller, tuple(dict.fromkeys((*given, *listed))), flags)
    _live(poller, given, file, flags)
    return ALL_READ


def _once(poller: Poller, servers: Sequence[str], flags: TopFlags) -> int:
    from vllm_costmeter.outputs.top.once import once_json, once_text

    if not servers:
        raise BadInputError(f"{flags.targets} lists no server")
    poller.watch(servers)
    poller.step()
    while not poller.all_answered():
        time.sleep(WAIT_SECONDS)
    poller.stop()
    rows = ordered(matching(poller.rows(), flags.filter), flags.sort, flags.reverse)
    written = once_json if flags.format == "json" else once_text
    print(written(rows, flags.per, flags.window), end="")
    return SOME_DOWN if any(row.reading is None for row in rows) else ALL_READ


def _live(poller: Poller, given: Sequence[str], file: TargetFile | None, flags: TopFlags) -> None:
    from vllm_costmeter.cli.top.live import watch
    from vllm_costmeter.outputs.top.screen import Screen

    servers: Callable[[], Sequence[str]] = lambda: given  # noqa: E731
    if file is not None:
        servers = lambda: tuple(dict.fromkeys((*given, *file.latest())))  # noqa: E731
    tokens = "all tokens" if flags.per == "all" else "generated tokens"

    def heading() -> str:
        fault = None if file is None else file.fault
        return f"{tokens}, {flags.window}" + (f"  {fault}" if fault else "")

    view = View(flags.sort, flags.reverse, flags.filter)
    watch(poller, Screen(), view, servers=servers, heading=heading)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"must be from 0.1 to 3600 seconds, got {text[:40]!r}")
    return value
