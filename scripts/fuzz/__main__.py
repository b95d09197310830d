"""`python -m scripts.fuzz [READER ...] [--inputs N] [--seconds S] [--seed N] [--page]`

Reads N mutated inputs with each reader, in a process of its own, guided by coverage where atheris is installed (the
extra fuzz), else by the ways in which inputs end, and says what was found. An input that ended in
anything but an answer or one line of our own errors within a second of processor time and 200 MiB is kept under
build/fuzz/READER, with the traceback beside it. Exit code 1 if there are any. `--again FILE ...` reads such inputs once
more; `--page` writes what the last runs counted into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from scripts.fuzz.one import CURRENT
from scripts.fuzz.outcome import outcome_of
from scripts.fuzz.page import RESULTS, write_page
from scripts.fuzz.processes import Engine, Job
from scripts.fuzz.reader import ROOT
from scripts.fuzz.readers import READERS

FOLDER = ROOT / "build" / "fuzz"
INPUTS = 100_000
SECONDS = 7200.0


def fuzz(engine: Engine, name: str, inputs: int, seconds: float, seed: int) -> dict[str, Any]:
    """What was counted. A reader that ends its process is started again, with another seed for what is left."""
    folder = FOLDER / name
    total: dict[str, Any] = {
        "inputs": 0,
        "read": 0,
        "seconds": 0.0,
        "slowest_seconds": 0.0,
        "largest_mib": 0,
        "findings": {},
    }
    while total["inputs"] < inputs and total["seconds"] < seconds:
        left = inputs - total["inputs"], seconds - total["seconds"]
        code, said = engine.read(Job(name, *left, seed, str(folder)))
        if code != 0:
            total["findings"][f"the process ended with {code}: {said[-300:]}"] = _last(folder)
            seed += 1000
            if len(total["findings"]) > 5:
                break
            continue
        counted = json.loads(next(line for line in reversed(said.splitlines()) if line.startswith("{")))
        for key in ("inputs", "read", "seconds"):
            total[key] += counted[key]
        for key in ("slowest_seconds", "largest_mib"):
            total[key] = max(total[key], counted[key])
        total["findings"] |= counted["findings"]
        total |= {key: counted[key] for key in ("outcomes", "engine")}
    return total


def _last(folder: Path) -> str:
    """The input that was being read, kept."""
    data = (folder / CURRENT).read_bytes()
    file = folder / "ended.input"
    file.write_bytes(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return file.name


def again(files: list[Path]) -> int:
    """Each input once more, in this process: what it says or how it fails."""
    code = 0
    for file in files:
        with tempfile.TemporaryDirectory() as scratch:
            outcome = outcome_of(READERS[file.resolve().parent.name], file.read_bytes(), Path(scratch))
        print(
            f"{file}: {outcome.finding or outcome.said or 'read'} ({outcome.seconds:.3f} s)\n{outcome.details}"
        )
        code |= outcome.finding is not None
    return code


def _engine(*, plain: bool) -> tuple[str, str]:
    """The module that chooses inputs, and why it is not the one guided by coverage."""
    if plain:
        return "one", "--plain"
    return ("coverage", "") if find_spec("atheris") else ("one", "atheris not installed")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m scripts.fuzz", description=__doc__, allow_abbrev=False)
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"default: all of {', '.join(READERS)}")
    parser.add_argument("--inputs", type=int, default=INPUTS)
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="of processor time, at most, for each reader"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", action="store_true", help="only write the page")
    parser.add_argument("--plain", action="store_true", help="without atheris, also where it is installed")
    parser.add_argument("--again", nargs="+", type=Path, metavar="FILE")
    args = parser.parse_args()
    if args.again:
        return again(args.again)
    names = args.readers or list(READERS)
    if unknown := [name for name in names if name not in READERS]:
        parser.error(f"no reader {unknown[0]!r}; there are {', '.join(READERS)}")
    if args.page:
        write_page(FOLDER, ROOT / "docs" / "reliability.md")
        return 0
    module, why = _engine(plain=args.plain)
    if why:
        print(f"guided by the ways in which inputs end, not by coverage: {why}", file=sys.stderr)
    found = 0
    with Engine(module) as engine:
        for name in names:
            counted = fuzz(engine, name, args.inputs, args.seconds, args.seed)
            counted |= {"seed": args.seed, "on": time.strftime("%Y-%m-%d", time.gmtime()), "why": why}
            found += len(counted["findings"])
            (FOLDER / f"{name}{RESULTS}").write_text(json.dumps(counted, indent=1))
            print(
                f"{name:22} {counted['inputs']:7} inputs, {counted['read']:6} read, {counted['seconds']:5.0f} s, "
                f"slowest {counted['slowest_seconds']:.2f} s, findings: {len(counted['findings'])}",
                *(f"  {FOLDER / name / file}: {what[:150]}" for what, file in counted["findings"].items()),
                sep="\n",
                flush=True,
            )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
