"""Draft a family's file and its recorded answer from one config.json, by asking the installed vLLM.

python -m scripts.draft_family CONFIG.json [--name NAME]

vLLM builds the model on the meta device at TP 1, TP 2 and PP 2. The output is a draft of the family's file,
its row in the registry and its line in tests/data/families_vllm_0.32.jsonl. Use a small config.json: few
layers, one of each kind, and sizes that all differ, so that each number identifies its key.
docs/adding_a_model.md walks through an example.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.answers.families import answers
from scripts.answers.lines import HOPPER, Vllm
from scripts.draft_family import listener
from scripts.draft_family.family_file import constant_of, family_file
from vllm_costmeter.plugin.exact import VllmWorker


class ListeningVllm(Vllm):
    """The installed vLLM, which also records the models it builds."""

    def __init__(self, file: Path) -> None:
        os.environ[listener.FILE] = str(file)
        self._compute_capability = HOPPER
        self._worker = VllmWorker(worker=(sys.executable, "-m", listener.__name__))


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0; 1, with the reason, if vLLM builds no model; 2 if the file is no config.json."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("config", type=Path, metavar="CONFIG.json")
    options.add_argument("--name", help="name of the recorded answer; default: the file's name")
    given = options.parse_args(arguments)
    try:
        config: dict[str, Any] = json.loads(given.config.read_text())
        architecture = config["architectures"][0]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as why:
        print(
            f"draft_family: {given.config}: not a config.json with an architecture ({why})",
            file=sys.stderr,
        )
        return 2
    line = {"name": given.name or given.config.stem, "config": config}
    with tempfile.TemporaryDirectory() as folder:
        heard = Path(folder) / "ranks.jsonl"
        vllm = ListeningVllm(heard)
        try:
            line |= answers(vllm, line)
        finally:
            vllm.close()
        ranks = [json.loads(one) for one in heard.read_text().splitlines()] if heard.exists() else []
    if not ranks:
        return 1
    print(family_file(config, ranks, "0.32"))
    print("# row of families/registry.py, with the file's room and name:")
    print(f'"ROOM.FILE:{constant_of(config)}": "{architecture}",')
    print("# line of tests/data/families_vllm_0.32.jsonl:")
    print(json.dumps(line))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
