"""What makes vLLM refuse to start, from its Python sources alone.

python -m scripts.upstream.refusals list VERSION/vllm [--format text|csv]   every statement of one release
python -m scripts.upstream.refusals diff OLD/vllm NEW/vllm                  added, removed, moved and changed
statements python -m scripts.upstream.refusals collect FOLDER                          read
FOLDER/VERSION/vllm, update stops.csv python -m scripts.upstream.refusals page
   update docs/refusals.md from the two files

FOLDER contains unpacked wheels or source trees; Python files suffice. The reason for each statement is
written by hand in refusals.toml; a new release needs one `diff` to read and one `collect`.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from scripts.upstream import ledger
from scripts.upstream.page import page
from scripts.upstream.releases import Changes, collect, compare, releases_in, version
from scripts.upstream.start_path import start_stops
from scripts.upstream.stops import Stop
from vllm_costmeter.core.release import OLDEST_SUPPORTED
from vllm_costmeter.sources.vllm_cli.flag_table import flag_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "refusals.md"
RELEASES = tuple(name for name in flag_table().releases if version(name) >= OLDEST_SUPPORTED)
"""The releases in stops.csv: those whose flags were read."""


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0; 2, with one line, if sources are missing."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = asked.add_subparsers(dest="command", required=True)
    listed = commands.add_parser("list")
    listed.add_argument("package", type=Path)
    listed.add_argument("--format", choices=("text", "csv"), default="text")
    differing = commands.add_parser("diff")
    differing.add_argument("old", type=Path)
    differing.add_argument("new", type=Path)
    commands.add_parser("collect").add_argument("folder", type=Path)
    commands.add_parser("page")
    options = asked.parse_args(arguments)
    try:
        match options.command:
            case "list":
                _list(options.package, options.format)
            case "diff":
                _print_changes(compare(start_stops(options.old), start_stops(options.new)))
            case "collect":
                _collect(options.folder)
            case "page":
                PAGE.write_text(report())
    except (FileNotFoundError, NotADirectoryError) as error:
        print(f"refusals: {error}", file=sys.stderr)
        return 2
    return 0


def report() -> str:
    """The page generated from the committed files."""
    return page(ledger.read_reasons(), ledger.read_stops(), RELEASES)


def _list(package: Path, form: str) -> None:
    stops = start_stops(package)
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(Stop._fields)
        writer.writerows(stops)
        return
    for stop in stops:
        print(_text(stop))


def _collect(folder: Path) -> None:
    found = releases_in(folder)
    missing = [release for release in RELEASES if release not in found]
    if missing:
        raise FileNotFoundError(f"{folder}: no sources of {', '.join(missing)}")
    releases = [release for release in found if version(release) >= version(RELEASES[0])]
    reasons = ledger.read_reasons()
    ledger.write_stops(ledger.classify(collect(folder, releases), reasons), reasons)


def _print_changes(changes: Changes) -> None:
    for title, stops in (("came", changes.added), ("went", changes.removed)):
        print(f"== {title}: {len(stops)}")
        for stop in stops:
            print(_text(stop))
    for title, pairs in (("moved", changes.moved), ("other condition", changes.tightened)):
        print(f"== {title}: {len(pairs)}")
        for old, new in pairs:
            print(f"{_text(old)}\n  -> {new.module}:{new.line} {new.function} if {new.condition}")


def _text(stop: Stop) -> str:
    message = stop.message or "-"
    return (
        f"{stop.module}:{stop.line} {stop.function}: {stop.exception}: {message} if {stop.condition or '-'}"
    )


if __name__ == "__main__":
    sys.exit(main())
