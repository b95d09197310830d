"""Read a new vLLM release: what it changes for us, written as a page, and what follows from it alone, recorded.

make upstream VERSION=0.33.0                 fetch it and the newest recorded one, record, write docs/upstream/0.33.0.md
python -m scripts.upstream VERSION [--sources FOLDER] [--report-only]

Needs pip and, for the answers, the packages that the release imports (torch, transformers). FOLDER has unpacked
releases as VERSION/vllm. With --report-only nothing is recorded, and an older release may be read again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.upstream.releases import version
from scripts.upstream.wheels import RELEASE, NoReleaseError, sources_of
from vllm_costmeter.sources.vllm_cli.flag_table import FILE


def main(words: Sequence[str] | None = None) -> int:
    """Exit status: 0; 2, with one line, for a release that is none, has no wheel or is older than the newest."""
    options = argparse.ArgumentParser(
        prog="python -m scripts.upstream",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("release", metavar="VERSION")
    options.add_argument("--sources", type=Path, metavar="FOLDER")
    options.add_argument("--report-only", action="store_true")
    given = options.parse_args(words)
    try:
        old, new = _pair(given.release, report_only=given.report_only)
        from scripts.upstream.record import Pair

        pair = Pair(old, sources_of(old, given.sources), new, sources_of(new, given.sources))
    except NoReleaseError as why:
        print(f"upstream: {why}", file=sys.stderr)
        return 2
    from scripts.upstream.record import record
    from scripts.upstream.report import PAGES, report

    recorded = []
    for line in () if given.report_only else record(pair):
        print(line, flush=True)
        recorded.append(line)
    PAGES.mkdir(exist_ok=True)
    file = PAGES / f"{new}.md"
    file.write_text(report(pair, recorded))
    print(f"{file}: vLLM {new} compared with {old}")
    return 0


def _pair(asked: str, *, report_only: bool) -> tuple[str, str]:
    """The release before, and the one asked for. NoReleaseError, in one line."""
    known = json.loads(FILE.read_text())["releases"]
    if not RELEASE.fullmatch(asked):
        raise NoReleaseError(f"{asked!r} is not a release of vLLM: give one like {known[-1]}")
    if version(asked) < version(known[-1]) and not report_only:
        raise NoReleaseError(
            f"vLLM {asked} is older than the newest recorded, {known[-1]}; --report-only reads it again"
        )
    older = [name for name in known if version(name) < version(asked)]
    if not older:
        raise NoReleaseError(f"vLLM {asked} is older than the oldest recorded, {known[0]}")
    return older[-1], asked


if __name__ == "__main__":
    sys.exit(main())
