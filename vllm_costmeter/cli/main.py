"""The `costmeter` command: finds the subcommand, imports only its module, and reports errors in one line."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from vllm_costmeter import __version__
from vllm_costmeter.cli.parser import CommandParser
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError, nearest, one_line, unreadable

COMMANDS: Mapping[str, tuple[str, str]] = {
    "check": ("vllm_costmeter.cli.check.command", "check whether a model fits a GPU before it loads"),
    "gpus": (
        "vllm_costmeter.cli.economics.gpus",
        "list the GPUs in the catalogue, with a source for every fact",
    ),
    "prices": (
        "vllm_costmeter.cli.economics.prices",
        "list GPU rental prices, with source, date and age",
    ),
    "prices export": (
        "vllm_costmeter.cli.economics.prices_export",
        "write measured prices per token for LiteLLM or Langfuse",
    ),
    "cost": (
        "vllm_costmeter.cli.economics.cost",
        "compute the cost per hour and per million tokens at a known rate",
    ),
    "matrix": (
        "vllm_costmeter.cli.economics.matrix",
        "show which models fit on which GPUs, in which precision",
    ),
    "compare": (
        "vllm_costmeter.cli.economics.compare",
        "compare plans: rent, buy, mix, or call an API",
    ),
    "estimate": (
        "vllm_costmeter.cli.economics.estimate",
        "estimate throughput and price without a server",
    ),
    "recommend": (
        "vllm_costmeter.cli.economics.recommend",
        "find the cheapest way to serve a load, proven to fit",
    ),
    "calibrate": (
        "vllm_costmeter.cli.economics.calibrate",
        "fit the estimate to load tests of a server",
    ),
    "finetune": (
        "vllm_costmeter.cli.economics.finetune",
        "find the GPUs that can fine-tune a model, the hours and the price",
    ),
    "scenarios": (
        "vllm_costmeter.cli.economics.scenarios",
        "show the best GPU for each of a list of uses, in one table",
    ),
    "gate": (
        "vllm_costmeter.cli.economics.gate",
        "compare load tests: did cost per token rise past a limit?",
    ),
    "idle": (
        "vllm_costmeter.cli.economics.idle",
        "show what idle GPUs would save, and whom that would delay",
    ),
    "models": (
        "vllm_costmeter.cli.models",
        "list the models known without a network, and the smallest GPU for each",
    ),
    "run": ("vllm_costmeter.cli.run", "run a batch job and show what it cost"),
    "exporter": (
        "vllm_costmeter.cli.exporter.command",
        "publish the cost of servers that the plugin cannot enter",
    ),
    "top": ("vllm_costmeter.cli.top.command", "show running servers in a terminal, live or once"),
    "page": ("vllm_costmeter.cli.page", "write a server's live page, or a report, as a file to send"),
    "report": ("vllm_costmeter.cli.report", "show what was spent, from the ledgers of servers"),
    "tenant-id": ("vllm_costmeter.cli.tenant_id", "print the name of the tenant with an API key"),
    "budget": ("vllm_costmeter.cli.budget", "set what tenants may spend, and show how far each has got"),
    "dashboard": ("vllm_costmeter.cli.dashboard", "write or push the Grafana dashboards"),
    "rules": ("vllm_costmeter.cli.rules", "write Prometheus recording rules and alerts with your limits"),
}
"""Name -> (module, description). A module has `add_parser(subparsers)` and `run(args) -> exit code`, and may
have `prepare(words) -> words` to rewrite its command line first."""

BAD_INPUT, NOT_UNDERSTOOD, INTERRUPTED, BROKEN_PIPE = 2, 3, 130, 141


def main(words: Sequence[str] | None = None) -> int:
    """Exit code of `costmeter WORDS`. Raises only SystemExit, for `--help` and `--version`."""
    if sys.stdout is None:  # closed by the caller (`>&-`), who wants only the exit code
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 (until the end)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file name may contain undecodable bytes
    try:
        code = _dispatch(list(sys.argv[1:] if words is None else words))
        sys.stdout.flush()
    except BadInputError as error:
        return _fault(str(error), BAD_INPUT)
    except NotUnderstoodError as error:
        return _fault(str(error), NOT_UNDERSTOOD)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return BROKEN_PIPE
    except OSError as error:
        _drop_output()
        if error.filename is None:
            return _fault(f"the output cannot be written: {error.strerror}", BAD_INPUT)
        return _fault(str(unreadable(error.filename, error)), BAD_INPUT)
    return code


def _drop_output() -> None:
    """Discard buffered output, so that the interpreter does not fail on it again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fault(message: str, code: int) -> int:
    print(f"costmeter: {one_line(message)}", file=sys.stderr)
    return code


def _dispatch(words: list[str]) -> int:
    if not words or words[0].startswith("-"):
        parser = _root()
        parser.parse_args(words)
        parser.print_help()
        return 0 if words else BAD_INPUT
    name, rest = words[0], words[1:]
    if " ".join(words[:2]) in COMMANDS:
        name, rest = " ".join(words[:2]), words[2:]
    if name not in COMMANDS:
        raise BadInputError(
            f"unknown command {name!r}{nearest(name, COMMANDS)}; `costmeter --help` lists all"
        )
    module = importlib.import_module(COMMANDS[name][0])
    code: int = module.run(_parsed(module, name, rest))
    return code


def _parsed(module: ModuleType, name: str, words: list[str]) -> argparse.Namespace:
    prepare = getattr(module, "prepare", None)
    if prepare is not None:
        words = prepare(words)
    root = CommandParser(prog="costmeter", allow_abbrev=False)
    subparsers = root.add_subparsers(dest="command", prog="costmeter")
    module.add_parser(subparsers)
    values: argparse.Namespace
    values, extra = root.parse_known_args([name, *words])
    if extra:
        raise subparsers.choices[name].unknown(extra)
    return values


def _root() -> CommandParser:
    width = max(map(len, COMMANDS))
    listing = "\n".join(f"  {name:<{width}}  {help_}" for name, (_, help_) in COMMANDS.items())
    parser = CommandParser(
        prog="costmeter",
        usage="costmeter COMMAND [options]",
        description="Cost of self-hosted vLLM, and a GPU memory check before the model loads.",
        epilog=f"commands:\n{listing}\n\n`costmeter COMMAND --help` has examples.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"costmeter {__version__}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
