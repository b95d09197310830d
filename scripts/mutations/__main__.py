"""`python -m scripts.mutations [ROOM ...] [--mutants N] [--seconds S] [--seed N]`

Puts N faults into vllm_costmeter/core, one at a time, chosen at random from all that the operators can make in the
rooms (memory, fit, kv_cache, meter, pricing, economics). The tests of the file's name run first, then those of its
room, then those of the answers that rest on it. What survives is listed; what was counted goes into
build/mutations.json, from which `--page` writes docs/mutations.md.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from pathlib import Path
from random import Random

from scripts.mutations.operators import Mutant, count, mutant
from scripts.mutations.page import write_page
from scripts.mutations.trial import survives

ROOT = Path(__file__).resolve().parents[2]
COUNTED = ROOT / "build" / "mutations.json"
ANSWERS = (
    "tests/core/fit",
    "tests/scripts/answers/test_older_releases.py",
    "tests/sources/model_config/test_attention_oracle.py",
    "tests/cli/check/test_margins.py",
)
ECONOMICS = ("tests/cli/economics", "tests/outputs/economics")
ROOMS = {
    "memory": ANSWERS,
    "fit": ("tests/core/memory", "tests/core/refusals", *ANSWERS[1:]),
    "kv_cache": ANSWERS,
    "meter": ("tests/metering", "tests/outputs/metrics"),
    "pricing": ("tests/core/economics", *ECONOMICS),
    "economics": ("tests/core/pricing", *ECONOMICS),
}
"""Room of core/ -> tests outside of its own that rest on it."""
LIBRARIES = ("hypothesis", "prometheus_client", "yaml", "jsonschema", "huggingface_hub")


def chosen(rooms: list[str], most: int, seed: int) -> list[Mutant]:
    """In a random order, the same for the same seed: any beginning of it is a fair sample."""
    files = [
        file for room in rooms for file in sorted((ROOT / "vllm_costmeter" / "core" / room).rglob("*.py"))
    ]
    sources = {str(file.relative_to(ROOT)): file.read_text("utf-8") for file in files}
    every = [(name, number) for name, source in sources.items() for number in range(count(source))]
    print(f"{len(every)} faults can be made in {len(files)} files", flush=True)
    sample = Random(seed).sample(every, min(most, len(every)))
    return [mutant(name, sources[name], number) for name, number in sample]


def survived(fault: Mutant) -> bool:
    """Whether neither the room's tests nor the others notice."""
    path = ROOT / fault.file
    module = fault.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    room = path.relative_to(ROOT / "vllm_costmeter" / "core").parts[0]
    folder = path.parent.relative_to(ROOT / "vllm_costmeter")
    mirrored = sorted(str(each) for each in (ROOT / "tests" / folder).glob(f"test_{path.stem}*.py"))
    levels = [mirrored, [f"tests/core/{room}"], list(ROOMS[room])]
    return all(survives(module, path, fault.number, tests) for tests in levels if tests)


def again() -> int:
    """Tries each survivor again and corrects what was counted. One whose code is no longer there is left as it is."""
    found = json.loads(COUNTED.read_text("utf-8"))
    for row in found["mutants"]:
        source = (ROOT / row["file"]).read_text("utf-8")
        faults = (mutant(row["file"], source, number) for number in range(count(source)))
        same = [each for each in faults if (each.before, each.after) == (row["before"], row["after"])]
        row.setdefault("survived_at_first", row["survived"])
        if row["survived"] and same:
            nearest = min(same, key=lambda each: abs(each.line - row["line"]))
            row["survived"] = survived(nearest)
            print(f"{row['file']}:{row['line']}: {'survives' if row['survived'] else 'killed'}", flush=True)
            COUNTED.write_text(json.dumps(found, indent=1))
    return 0


def main() -> int:
    """Exit code 0: what survives is for people to read."""
    parser = argparse.ArgumentParser(prog="python -m scripts.mutations", allow_abbrev=False)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"default: {', '.join(ROOMS)}")
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument(
        "--seconds", type=float, default=3600.0, help="no new mutant is begun after this time"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", action="store_true", help="only write the page from what was counted last")
    parser.add_argument(
        "--survivors", action="store_true", help="only those that survived last, under today's tests"
    )
    args = parser.parse_args()
    if args.page:
        write_page(COUNTED, ROOT / "docs" / "mutations.md")
        return 0
    for name in LIBRARIES:
        importlib.import_module(name)
    if args.survivors:
        return again()
    rows = []
    begun = time.monotonic()
    COUNTED.parent.mkdir(exist_ok=True)
    for each in chosen(args.rooms or list(ROOMS), args.mutants, args.seed):
        if time.monotonic() - begun > args.seconds:
            break
        lives = survived(each)
        rows.append(
            {
                "file": each.file,
                "line": each.line,
                "before": each.before,
                "after": each.after,
                "survived": lives,
            }
        )
        killed = sum(not row["survived"] for row in rows)
        what = f"{each.file}:{each.line}: {each.before[:90]}  ->  {each.after[:90]}"
        print(f"{killed}/{len(rows)} {'SURVIVED ' + what if lives else ''}", flush=True)
        COUNTED.write_text(
            json.dumps({"seed": args.seed, "on": time.strftime("%Y-%m-%d"), "mutants": rows}, indent=1)
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
