"""`python -m scripts.supply.reproducible [FOLDER]`: builds wheel and sdist twice, in two places, with other file times,
another umask, another hash seed and another time zone, and compares the bytes. The first pair is left in FOLDER (dist).
Exit code 1 if a byte differs. Needs `build` and `hatchling`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.supply.dependencies import ROOT

UNLIKE = ({"PYTHONHASHSEED": "1", "TZ": "UTC"}, {"PYTHONHASHSEED": "2", "TZ": "Asia/Kolkata"})
UMASKS = (0o022, 0o077)


def built(source: Path, out: Path, number: int) -> dict[str, str]:
    """File name -> SHA-256 of what one build of the tree makes in `out`."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    environment = {**os.environ, **UNLIKE[number]}
    done = subprocess.run(
        command, env=environment, umask=UMASKS[number], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"the build failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(out.iterdir())}


def copied(folder: Path, age_seconds: int) -> Path:
    """A copy of the files that git knows, as old as that."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
        os.utime(target, (1_700_000_000 - age_seconds,) * 2)
    return folder


def main() -> int:
    """Builds, compares, and says what was built."""
    kept = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        first, second = (
            built(copied(Path(folder) / "source", 10**8 * number), Path(folder) / "dist", number)
            for number, folder in enumerate((one, two))
        )
        for name, digest in first.items():
            print(f"{digest}  {name}{'' if second.get(name) == digest else '  DIFFERS'}")
        if first != second:
            return 1
        kept.mkdir(parents=True, exist_ok=True)
        for name in first:
            shutil.copyfile(Path(one) / "dist" / name, kept / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
