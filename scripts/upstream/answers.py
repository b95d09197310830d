"""Record how each release's own parser parses command lines, as a reference for the tests of ours.

python -m scripts.upstream.answers SOURCE ... [--argparse FILE]

Same arguments as `flags.py`, which must have read the releases first. Each release parses the lines in
`tests/data/vllm_cli/` (`by_hand.txt`, `recipes.txt`), every flag in every spelling and mixtures of both; the
results go to `answers.jsonl.gz` there. Its first line names the releases; each other line has the words of
one command and [release, result] wherever the result changes, null for a release that did not parse it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts.upstream.commands import Words, flag_lines, mixed_lines, recipe_lines
from scripts.upstream.release_sources import opened
from vllm_costmeter.sources.vllm_cli.flag_table import flag_table

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "data" / "vllm_cli"
FILE = FOLDER / "answers.jsonl.gz"
MIXED = 1500
MIXED_OF = (0, 33, 0)
"""The release that supplies the mixed-in flags; fixed, so that a newer release does not change the lines."""

Answers = dict[str, dict[str, Any]]
"""Results by words (as JSON) and release."""


def lines() -> list[Words]:
    """Every distinct line to parse."""
    recipes = list(recipe_lines((FOLDER / "recipes.txt").read_text()))
    by_hand = (FOLDER / "by_hand.txt").read_text().splitlines()
    found = [shlex.split(line) for line in by_hand if line and not line.startswith("#")]
    found += recipes
    found += flag_lines(flag_table())
    found += mixed_lines(recipes, flag_table().at(MIXED_OF), MIXED)
    return list({json.dumps(words): words for words in found}.values())


def recorded() -> Iterator[tuple[Words, list[tuple[str, Any]]]]:
    """Each line with the result of each release that parsed it."""
    with gzip.open(FILE, "rt") as stream:
        releases = json.loads(next(stream))["releases"]
        for line in stream:
            words, answers = json.loads(line)
            since = dict(answers)
            current: Any = None
            every = []
            for release in releases:
                current = since.get(release, current)
                if current is not None:
                    every.append((release, current))
            yield words, every


def write(answers: Answers, releases: Sequence[str]) -> None:
    """Write the file; equal results give equal bytes."""
    text = [json.dumps({"releases": releases})]
    for words, by_release in answers.items():
        changes: list[Any] = []
        for release in releases:
            answer = by_release.get(release)
            if not changes or answer != changes[-1][1]:
                changes.append([release, answer])
        text.append(json.dumps([json.loads(words), changes], separators=(",", ":")))
    FILE.write_bytes(gzip.compress("\n".join([*text, ""]).encode(), mtime=0))


def _before() -> Mapping[str, dict[str, Any]]:
    return {json.dumps(words): dict(every) for words, every in recorded()} if FILE.exists() else {}


def main(arguments: Sequence[str]) -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("sources", nargs="+", type=Path, metavar="SOURCE")
    options.add_argument("--argparse", type=Path, metavar="FILE")
    given = options.parse_args(arguments)
    asked = lines()
    known = _before()
    answers: Answers = {json.dumps(words): dict(known.get(json.dumps(words), {})) for words in asked}
    for source in given.sources:
        with opened(source) as release:
            found = replace(release, work_folder=FOLDER).parse(asked, given.argparse)
        for words, answer in zip(asked, found, strict=True):
            answers[json.dumps(words)][release.version] = answer
        print(f"vLLM {release.version}: {len(asked)} lines", flush=True)
    asked_of = {name for by_release in answers.values() for name in by_release}
    write(answers, [name for name in flag_table().releases if name in asked_of])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
