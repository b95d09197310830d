"""Write catalogue/gpus.json from catalogue/gpus/*.toml: `python -m scripts.catalogue.compile_gpus [--check]`.

The TOML is edited by hand. Parsing all of it takes a quarter of a second, longer than a whole check may; the
JSON takes a few milliseconds. `--check` writes nothing and fails if the JSON does not match the TOML.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

from vllm_costmeter.sources.catalogue.load import GPUS_FILE, PACKAGE_FOLDER
from vllm_costmeter.sources.catalogue.rows import parse_gpu
from vllm_costmeter.sources.gpu.names import spellings
from vllm_costmeter.sources.gpu.text import folded_name

ORDER = (
    "blackwell",
    "hopper",
    "ada",
    "ampere",
    "turing",
    "volta_and_older",
    "unified_memory",
    "amd",
    "intel",
)
"""The listing order: newest first."""


def rows(folder: Path = PACKAGE_FOLDER) -> list[dict[str, Any]]:
    """The TOML of every GPU, in listing order. ValueError if the folder and ORDER do not match."""
    files = {file.stem: file for file in (folder / "gpus").glob("*.toml")}
    if set(files) != set(ORDER):
        raise ValueError(f"{sorted(set(files) ^ set(ORDER))} is in the folder or in ORDER alone")
    return [row for name in ORDER for row in tomllib.loads(files[name].read_text("utf-8"))["card"]]


def compiled(folder: Path = PACKAGE_FOLDER) -> str:
    """The text of gpus.json (`sources.catalogue.compiled`). BadInputError for an invalid row."""
    origins: dict[tuple[Any, ...], int] = {}
    found = rows(folder)
    lines = [_as_json(_compiled_row(row, origins)) for row in found]
    keys = [folded_name(row["name"]) for row in found]
    index = {"keys": keys, "spelt": [spellings(row) for row in found], "origins": list(origins)}
    return "\n".join([_as_json(index), *lines]) + "\n"


def _compiled_row(row: dict[str, Any], origins: dict[tuple[Any, ...], int]) -> dict[str, Any]:
    """The fields of GpuSpec; a fact's origin is its index in `origins` and the range of values read."""
    fields = parse_gpu(row, "catalogue/gpus")
    if "mig_profiles" in fields:
        fields["mig_profiles"] = [
            (each.name, *each.memory_bytes, each.compute_slices, each.memory_slices, each.instances)
            for each in fields["mig_profiles"]
        ]
    kept = {}
    for name, origin in fields["provenance"].items():
        stated = (origin.source, origin.as_of, origin.verified, origin.estimated)
        number = origins.setdefault(stated, len(origins))
        kept[name] = [number] if origin.low is origin.high is None else [number, origin.low, origin.high]
    return {**fields, "provenance": kept}


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main() -> int:
    """Write or compare; 1 if the file is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only report whether the file is current")
    args = parser.parse_args()
    file, text = PACKAGE_FOLDER / GPUS_FILE, compiled()
    if args.check:
        return int(file.read_text("utf-8") != text)
    file.write_text(text, "utf-8")
    print(f"{file.name}: {len(text.splitlines()) - 1} GPUs, {len(text):,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
