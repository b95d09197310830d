"""`python -m scripts.supply.lock [--upgrade]`: pins and hashes for all supported Pythons in dev.lock. Needs `uv`."""

from __future__ import annotations

import subprocess
import sys

from scripts.supply.dependencies import ROOT

LOCK = ROOT / "dev.lock"
HEADER = """\
# Everything that development and a release install, at one version and with its hashes, for Python 3.11 to 3.14 on any
# platform. Written by `make lock`. Installed by: pip install --require-hashes -r dev.lock && pip install --no-deps -e .
"""
COMMAND = (
    *(
        "pip",
        "compile",
        "pyproject.toml",
        "--extra=dev",
        "--extra=release",
        "--extra=fuzz",
        "--universal",
        "--python-version=3.11",
    ),
    *("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header", "-q", "-o"),
)


def main() -> int:
    """Keeps the versions that still fit, unless `--upgrade` is given."""
    command = [sys.executable, "-m", "uv", *COMMAND, str(LOCK), *sys.argv[1:]]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    if done.returncode == 0:
        LOCK.write_text(HEADER + LOCK.read_text("utf-8"), "utf-8")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
