"""Write catalogue/gpus.json from catalogue/gpus/*.toml: `python -m scripts.catalogue.compile_gpus [--check]`.

The TOML is what people edit. Parsing all of it takes a quarter of a second, more than a whole check may; the JSON takes
a few milliseconds. `--check` writes nothing and fails where the JSON is not what the TOML says.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path

from vllm_costmeter.sources.catalogue.load import GPUS_FILE, PACKAGE_FOLDER
from vllm_costmeter.sources.gpu.names import spellings

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
"""The order of the listing: the newest first."""


def compiled(folder: Path = PACKAGE_FOLDER) -> str:
    """The text of gpus.json, a GPU a line. ValueError where a file of the folder is missing from ORDER."""
    files = {file.stem: file for file in (folder / "gpus").glob("*.toml")}
    if set(files) != set(ORDER):
        raise ValueError(f"{sorted(set(files) ^ set(ORDER))} is in the folder or in ORDER alone")
    cards = [card for name in ORDER for card in tomllib.loads(files[name].read_text("utf-8"))["card"]]
    rows, spelt = (
        ",\n".join(json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in part)
        for part in (cards, [spellings(card) for card in cards])
    )
    return f'{{"card":[\n{rows}\n],"spelt":[\n{spelt}\n]}}\n'


def main() -> int:
    """Write or compare; 1 where the file is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the file is current")
    args = parser.parse_args()
    file, text = PACKAGE_FOLDER / GPUS_FILE, compiled()
    if args.check:
        return int(file.read_text("utf-8") != text)
    file.write_text(text, "utf-8")
    print(f"{file.name}: {text.count(chr(34) + 'name' + chr(34))} GPUs and profiles, {len(text):,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
