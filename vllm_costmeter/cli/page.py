"""`costmeter page`: a server's live page, or a report of the ledger, as a file that can be sent."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.outputs.files.new_files import must_be_new, write_new_file

DEFAULT_URL = "localhost:8000"
SUFFIXES = (".html", ".png", ".pdf")
HOURS_UP_TO = timedelta(days=3)
"""A report of a shorter range has bars by hour."""
EXAMPLES = """\
examples:
  the page of the server on this machine, as it is now
    costmeter page --once page.html
    VLLM_API_KEY=... costmeter page --once page.png --url https://llm.example
  what November cost, for a meeting
    costmeter page --once november.pdf --from-ledger --since 2026-11 --until 2026-11

The file has everything in it: it opens without a network and asks nobody. It has the names of models, adapters and
tenants as the page or the ledger has them. .png and .pdf are drawn by a Chromium, if there is one.

exit codes: 0 written, 2 bad input, or no server answered
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "page",
        usage="costmeter page --once FILE [--url URL | --from-ledger [PATH]] [options]",
        description="A server's live page as it is now, or a report of the ledger, as one file to send.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--once", type=Path, metavar="FILE", required=True, help=f"{', '.join(SUFFIXES)}; the file to write"
    )
    parser.add_argument("--url", metavar="URL", help=f"of a server or an exporter; default: {DEFAULT_URL}")
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="has the server's API key or the exporter's token; default: VLLM_API_KEY",
    )
    parser.add_argument(
        "--from-ledger",
        action="append",
        nargs="?",
        const="",
        metavar="PATH",
        help="a report of this ledger, or a quoted glob of several, instead; repeatable; without PATH this user's own",
    )
    parser.add_argument(
        "--since",
        metavar="TIME",
        help="with --from-ledger: 2026-11-28, 2026-11, yesterday, 7d; default: everything",
    )
    parser.add_argument("--until", metavar="TIME", help="the same, to its end; default: now")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def run(args: argparse.Namespace, now: datetime | None = None) -> int:
    """Write the file."""
    file: Path = args.once
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise BadInputError(f"--once {file}: give a name that ends in {', '.join(SUFFIXES)}")
    must_be_new(file, force=args.force)
    program = None
    if suffix != ".html":
        from vllm_costmeter.outputs.page.browser import browser

        program = browser()
    html = _of_server(args) if args.from_ledger is None else _of_ledger(args, now or datetime.now(UTC))
    if program is None:
        content = html.encode()
    else:
        from vllm_costmeter.outputs.page.browser import drawn

        content = drawn(html, suffix, program)
    write_new_file(file, content, force=args.force)
    print(f"wrote {file}")
    return 0


def _of_server(args: argparse.Namespace) -> str:
    for flag in ("since", "until"):
        if getattr(args, flag) is not None:
            raise BadInputError(
                f"--{flag} needs --from-ledger: a live page has the last hour and all since start"
            )
    from vllm_costmeter.outputs.page.document import page_document
    from vllm_costmeter.sources.servers.page_data import KEY_VARIABLE, data_address, page_data
    from vllm_costmeter.sources.targets.credentials import Secret, SecretFile

    secret: Secret | SecretFile | None = None
    if args.key_file is not None:
        secret = SecretFile(args.key_file, "--key-file")
    elif os.environ.get(KEY_VARIABLE, "").strip():
        secret = Secret(os.environ[KEY_VARIABLE], KEY_VARIABLE)
    address = data_address(args.url or DEFAULT_URL)
    return page_document(page_data(address, secret.header if secret else lambda: None)).html


def _of_ledger(args: argparse.Namespace, now: datetime) -> str:
    for flag in ("url", "key_file"):
        if getattr(args, flag) is not None:
            raise BadInputError(
                f"--{flag.replace('_', '-')} is of a server, --from-ledger of a file: give one of them"
            )
    from vllm_costmeter.cli.ledger_rows import own_ledger
    from vllm_costmeter.cli.report import ledger_report, time_range
    from vllm_costmeter.core.ledger.tenants import IdleDivision
    from vllm_costmeter.outputs.page.ledger_document import ledger_document
    from vllm_costmeter.sources.ledger.read import ledger_paths

    paths = ledger_paths([each or str(own_ledger("--from-ledger")) for each in args.from_ledger])
    since, until = time_range(args.since, args.until, now)
    models = ledger_report(paths, since, until, ("model",), IdleDivision())
    time = "hour" if models.until - models.since <= HOURS_UP_TO else "day"
    tables = [("By model", models)]
    for heading, group in (
        ("By state", "state"),
        ("By GPU", "gpu"),
        ("By tenant", "tenant"),
        ("By day", "day"),
    ):
        report = ledger_report(paths, since, until, (group,), IdleDivision())
        if group != "tenant" or any(line.share is not None for line in report.lines):
            tables.append((heading, report))
    return ledger_document(ledger_report(paths, since, until, (time, "model"), IdleDivision()), tables, now)
