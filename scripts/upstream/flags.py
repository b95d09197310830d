"""Build the table of `vllm serve` flags from each release's own parser.

python -m scripts.upstream.flags SOURCE ... [--argparse FILE]

SOURCE is a wheel, an sdist or a folder that contains `vllm/`. Its Python code runs with the packages of this
environment, which may differ from the release's requirements. The release is added to or replaced in
`vllm_costmeter/sources/vllm_cli/flags.json`, and its changes from the previous release are printed. FILE is
the argparse module of another Python: vLLM's images run 3.12, and its later patch releases match arguments
slightly differently from 3.11.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.upstream.release_sources import opened
from vllm_costmeter.sources.vllm_cli.flag_table import FILE, flag_from

Record = dict[str, Any]
Release = dict[str, Any]
"""One release: "flags", a record by first name, and "configs", a shape by "CLASS.FIELD"."""

SOURCE = (
    "vLLM's own parser of each release (make_arg_parser of its cli_args.py, run from the sdist's Python on a CUDA "
    "platform), read by scripts/upstream/flags.py"
)


def record_of(raw: Record) -> Record:
    """One flag as stored in `flags.json`, from which `flag_from` restores everything in `raw`."""
    names: list[str] = [name for name in raw["names"] if name not in raw.get("off", ())]
    record: Record = {"names": " ".join(names)}
    if raw["dest"] != names[0].lstrip("-").replace("-", "_"):
        record["dest"] = raw["dest"]
    if raw["action"] != "store":
        record["action"] = raw["action"]
    usual = {"kind": "str", "default": None, "nargs": None, "deprecated": False}
    for key in ("kind", "nargs", "const", "choices", "default", "deprecated", "fields"):
        if key in raw and raw[key] != usual.get(key, ...):
            record[key] = raw[key]
    if record.get("action") == "bool" and set(raw["off"]) != set(flag_from(record).off):
        record["action"] = "pair"
    flag = flag_from(record)
    if (set(flag.names), flag.off) != (set(raw["names"]), frozenset(raw.get("off", ()))):
        raise SystemExit(f"{names[0]}: its names are not those that flag_from() makes: {raw['names']}")
    return record


def by_field(configs: Mapping[str, Any]) -> dict[str, Any]:
    """The shapes of configuration classes by field, as few fields change between releases."""
    return {f"{name}.{key}": inner for name, shape in configs.items() for key, inner in shape["of"].items()}


def releases_of(table: Mapping[str, Any]) -> dict[str, Release]:
    """The table split by release: each with its flags and shapes."""
    found: dict[str, Release] = {name: {"flags": {}, "configs": {}} for name in table["releases"]}
    for number, release in enumerate(found.values()):
        for runs, record in table["flags"]:
            if any(first <= number <= last for first, last in runs):
                release["flags"][record["names"].split()[0]] = record
        for name, variants in table["configs"].items():
            for runs, shape in variants:
                if any(first <= number <= last for first, last in runs):
                    release["configs"][name] = shape
    return found


def table_of(releases: Mapping[str, Release], python: str) -> Record:
    """The releases merged: each definition once, with the first and last release of each run that has it."""
    ordered = sorted(releases, key=_numbers)
    return {
        "source": SOURCE,
        "python": f"argparse of Python {python}",
        "made": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "releases": ordered,
        "flags": [
            [runs, record]
            for name in _names(releases, "flags")
            for runs, record in _variants(ordered, releases, "flags", name)
        ],
        "configs": {
            name: _variants(ordered, releases, "configs", name) for name in _names(releases, "configs")
        },
    }


def _names(releases: Mapping[str, Release], part: str) -> list[str]:
    return sorted({name for release in releases.values() for name in release[part]})


def _variants(ordered: Sequence[str], releases: Mapping[str, Release], part: str, name: str) -> list[Any]:
    found: dict[str, list[list[int]]] = {}
    for number, release in enumerate(ordered):
        if name in releases[release][part]:
            runs = found.setdefault(json.dumps(releases[release][part][name], sort_keys=True), [])
            if runs and runs[-1][1] == number - 1:
                runs[-1][1] = number
            else:
                runs.append([number, number])
    return [[runs, json.loads(text)] for text, runs in found.items()]


def changes(before: Release, after: Release) -> Iterator[str]:
    """The changes in a release, one line each."""
    old, new = before["flags"], after["flags"]
    yield from (f"+ {name}" for name in new if name not in old)
    yield from (f"- {name}" for name in old if name not in new)
    for name in new:
        if name in old and old[name] != new[name]:
            keys = [key for key in {**old[name], **new[name]} if old[name].get(key) != new[name].get(key)]
            yield f"~ {name}: " + ", ".join(
                _change(key, old[name].get(key), new[name].get(key)) for key in keys
            )
    old, new = before["configs"], after["configs"]
    yield from (f"+ {name}" for name in new if name not in old)
    yield from (f"- {name}" for name in old if name not in new)


def _change(key: str, before: Any, after: Any) -> str:
    if key == "choices" and before and after:
        more, less = [one for one in after if one not in before], [one for one in before if one not in after]
        return f"choices {' '.join([*(f'+{one}' for one in more), *(f'-{one}' for one in less)])}"
    return f"{key} {before} -> {after}"


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


def _python(argparse_file: Path | None) -> str:
    return argparse_file.parent.name.removeprefix("python") if argparse_file else sys.version.split()[0]


def main(words: Sequence[str]) -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("sources", nargs="+", type=Path, metavar="SOURCE")
    options.add_argument("--argparse", type=Path, metavar="FILE")
    given = options.parse_args(words)
    releases = releases_of(json.loads(FILE.read_text())) if FILE.exists() else {}
    for source in given.sources:
        with opened(source) as release:
            described = release.describe(given.argparse)
        flags = {record["names"].split()[0]: record for record in map(record_of, described["flags"])}
        releases[release.version] = {"flags": flags, "configs": by_field(described["configs"])}
        older = [name for name in releases if _numbers(name) < _numbers(release.version)]
        print(f"vLLM {release.version}: {len(flags)} flags")
        if older:
            before = max(older, key=_numbers)
            print(*changes(releases[before], releases[release.version]), sep="\n")
    FILE.write_text(_text(table_of(releases, _python(given.argparse))))
    return 0


def _text(table: Record) -> str:
    """JSON with one line per flag and per shape, so that a release's changes are a readable diff."""
    lines = []
    for key, value in table.items():
        if key == "flags":
            inner = ",\n".join(json.dumps(one, separators=(",", ":")) for one in value)
            lines.append(f'"flags":[\n{inner}\n]')
        elif key == "configs":
            inner = ",\n".join(
                f"{json.dumps(name)}:[\n"
                + ",\n".join(json.dumps(one, separators=(",", ":")) for one in variants)
                + "\n]"
                for name, variants in value.items()
            )
            lines.append(f'"configs":{{\n{inner}\n}}')
        else:
            lines.append(f"{json.dumps(key)}:{json.dumps(value)}")
    return "{" + ",\n".join(lines) + "}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
