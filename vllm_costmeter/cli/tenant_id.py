"""`costmeter tenant-id`: the name under which the tenant with an API key is kept."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.tenants.names import hashed, of_key, typed
from vllm_costmeter.sources.files.ledger_path import default_ledger
from vllm_costmeter.sources.files.tenant_secret import FILE, kept_secret

EXAMPLES = """\
examples:
  the tenant of an API key, as reports and /metrics name it (the key is not shown, logged or kept)
    costmeter tenant-id < key.txt
  the hash that /metrics shows of a name
    costmeter tenant-id --name team-a
"""
LONGEST_KEY = 8192


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "tenant-id",
        description="Print the name under which servers with --costmeter-tenant-from key keep the tenant of an "
        "API key, read from standard input.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--name", metavar="TENANT", help="a tenant's name, instead of a key: its hash on /metrics"
    )
    parser.add_argument(
        "--ledger",
        type=Path,
        metavar="PATH",
        help=f"the ledger of the servers, which keep their secret beside it ({FILE}); default: this user's own",
    )


def run(args: argparse.Namespace) -> int:
    """Print it."""
    path: Path = default_ledger() if args.ledger is None else args.ledger.expanduser()
    secret = _secret(path.parent)
    if args.name is not None:
        name = typed(args.name)
        if not name:
            raise BadInputError(f"--name {args.name!r} is no name: it has no printable character")
        print(hashed(name, secret))
        return 0
    if sys.stdin.isatty():
        print("Type the key and press Enter; it is not shown again.", file=sys.stderr)
    key = sys.stdin.readline(LONGEST_KEY).strip()
    if not key:
        raise BadInputError("no key on standard input; `costmeter tenant-id < key.txt` reads one")
    print(of_key(key, secret))
    return 0


def _secret(folder: Path) -> bytes:
    try:
        return kept_secret(folder)
    except (OSError, ValueError) as why:
        raise BadInputError(
            f"{folder / FILE} cannot be read ({getattr(why, 'strerror', None) or why}): the first server with "
            "--costmeter-tenant-from makes it beside its ledger; --ledger PATH names that"
        ) from None
