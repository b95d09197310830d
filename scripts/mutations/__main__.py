"""`python -m scripts.mutations [ROOM ...] [--mutants N] [--seconds S] [--seed N]`

Puts N faults into vllm_costmeter/core, one at a time, chosen at random from all that the operators can make in the
rooms (memory, fit, kv_cache, meter, pricing, economics). The tests that run the fault's line are tried, of the rooms
and of the answers that rest on them; a fault in what runs at import is tried in a process of its own. What survives is
listed; what was counted goes into build/mutations/, from which `--page` writes docs/mutations.md.
With the same seed a run goes on where the last one ended; without build/mutations/seed_N.json it begins anew.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path
from random import Random

from scripts.mutations.line_marks import module_name
from scripts.mutations.operators import Mutant, count, mutant
from scripts.mutations.page import write_page
from scripts.mutations.sample import Row, Sample
from scripts.mutations.session import NOT_PREPARED
from scripts.mutations.trial import survives
from scripts.mutations.warm import Warm

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "mutations"
CORE = ROOT / "vllm_costmeter" / "core"
ANSWERS = (
    "tests/core/fit",
    "tests/core/refusals",
    "tests/scripts/answers/test_older_releases.py",
    "tests/sources/model_config/test_attention_oracle.py",
    "tests/cli/check/test_margins.py",
)
ROOMS = {
    "pricing": ("tests/core/economics", "tests/outputs/economics", "tests/cli/economics"),
    "economics": ("tests/core/pricing", "tests/outputs/economics", "tests/cli/economics"),
    "meter": ("tests/metering", "tests/outputs/metrics"),
    "memory": ANSWERS,
    "fit": ("tests/core/memory", *ANSWERS[1:]),
    "kv_cache": ANSWERS,
}
"""Room of core/ -> tests outside of its own that rest on it."""
LIBRARIES = ("hypothesis", "prometheus_client", "yaml", "jsonschema", "huggingface_hub")


def possible(rooms: list[str]) -> list[tuple[str, int]]:
    """(file, number) of every fault that the operators can make."""
    files = [file for room in rooms for file in sorted((CORE / room).rglob("*.py"))]
    every = [
        (str(file.relative_to(ROOT)), number)
        for file in files
        for number in range(count(file.read_text("utf-8")))
    ]
    print(f"{len(every)} faults can be made in {len(files)} files", flush=True)
    return every


def chosen(every: list[tuple[str, int]], most: int, seed: int) -> list[Mutant]:
    """In a random order, the same for the same seed: any beginning of it is a fair sample."""
    sample = Random(seed).sample(every, min(most, len(every)))
    return [mutant(file, (ROOT / file).read_text("utf-8"), number) for file, number in sample]


def at(place: str) -> list[Mutant]:
    """Every fault of a line, FILE:LINE."""
    file, _, line = place.partition(":")
    source = (ROOT / file).read_text("utf-8")
    faults = (mutant(file, source, number) for number in range(count(source)))
    return [each for each in faults if each.line == int(line)]


def tried(fault: Mutant, warm: Warm, *, is_thorough: bool = False) -> Row:
    """The fault under the tests that run it; where it runs at import, in processes that import the module with it."""
    test, reached, ran_before = warm.first_failure(fault)
    if test == NOT_PREPARED or (ran_before and (test is not None or is_thorough)):
        test = imported_again(fault, test, is_thorough=is_thorough)
    return Row(fault.file, fault.line, fault.before, fault.after, test is None, test is None, reached, test)


def imported_again(fault: Mutant, suspect: str | None, *, is_thorough: bool) -> str | None:
    """What notices it: the test that failed without an import, the tests of the file's name, those of its room, and, if
    thorough, those of the answers that rest on it."""
    path = ROOT / fault.file
    module = module_name(ROOT, path)
    room = path.relative_to(CORE).parts[0]
    folder = path.parent.relative_to(ROOT / "vllm_costmeter")
    mirrored = sorted(
        f"tests/{folder}/{each.name}" for each in (ROOT / "tests" / folder).glob(f"test_{path.stem}*.py")
    )
    first = [suspect] if suspect and "::" in suspect else []
    for tests in (first, mirrored, [f"tests/core/{room}"], list(ROOMS[room]) if is_thorough else []):
        if tests and not survives(module, path, fault.number, tests):
            return " ".join(tests)
    return None


def again(sample: Sample, warm: Warm) -> None:
    """Tries each survivor once more. One whose code is no longer there is left as it is."""
    for place, row in enumerate(sample.rows):
        source = (ROOT / row.file).read_text("utf-8")
        faults = (mutant(row.file, source, number) for number in range(count(source)))
        same = [each for each in faults if (each.before, each.after) == (row.before, row.after)]
        if row.survived and same:
            found = tried(min(same, key=lambda each: abs(each.line - row.line)), warm, is_thorough=True)
            sample.replace(place, found)
            print(found.shown(), flush=True)


def counted(faults: list[Mutant], sample: Sample, warm: Warm, seconds: float) -> None:
    """Tries those that the sample has not, in their order, for so much processor time."""
    for fault in faults[len(sample.rows) :]:
        if warm.seconds + time.process_time() > seconds:
            break
        sample.add(tried(fault, warm))
        killed = sum(not row.survived for row in sample.rows)
        print(f"{killed}/{len(sample.rows)} {sample.rows[-1].shown()}", flush=True)


def main() -> int:
    """Exit code 0: what survives is for people to read."""
    parser = argparse.ArgumentParser(prog="python -m scripts.mutations", allow_abbrev=False)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"default: {', '.join(ROOMS)}")
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument(
        "--seconds", type=float, default=3600.0, help="of processor time; no new fault is begun after it"
    )
    parser.add_argument(
        "--seed", type=int, default=int(time.strftime("%Y%m%d", time.gmtime())), help="default: today's date"
    )
    parser.add_argument("--at", metavar="FILE:LINE", help="only the faults of that line, not counted")
    parser.add_argument("--page", action="store_true", help="only write the page from what was counted")
    parser.add_argument(
        "--survivors", action="store_true", help="only those that survived, under today's tests"
    )
    args = parser.parse_args()
    rooms = args.rooms or list(ROOMS)
    every = possible(rooms)
    if args.page:
        seeds = sorted(int(file.stem.removeprefix("seed_")) for file in BUILD.glob("seed_*.json"))
        write_page([Sample(BUILD, seed) for seed in seeds], len(every), ROOT / "docs" / "mutations.md")
        return 0
    for name in LIBRARIES:
        importlib.import_module(name)
    faults = chosen(every, args.mutants, args.seed)
    tests = dict.fromkeys(test for room in rooms for test in (f"tests/core/{room}", *ROOMS[room]))
    sample = Sample(BUILD, args.seed)
    warm = Warm(ROOT, rooms, list(tests), BUILD / f"coverage_{'_'.join(rooms)}.jsonl")
    if args.at:
        for fault in at(args.at):
            print(tried(fault, warm, is_thorough=True).shown(), flush=True)
    elif args.survivors:
        again(sample, warm)
    else:
        counted(faults, sample, warm, args.seconds)
    print(f"{warm.seconds + time.process_time():.0f} s of processor time")
    warm.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
