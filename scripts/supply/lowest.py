"""`python -m scripts.supply.lowest [PYTHON]`: the lowest versions that pyproject.toml allows, in build/lowest, and the
tests of what uses them. Needs `uv`. The exit code is pytest's."""

from __future__ import annotations

import os
import subprocess
import sys

from scripts.supply.dependencies import NOT_SHIPPED, ROOT, declared

FOLDER = ROOT / "build" / "lowest"
TOOLS = ("pytest", "pytest-xdist", "hypothesis", "jsonschema", "build")
TESTS = (
    *("tests/sources/checkpoint", "tests/sources/servers", "tests/sources/engines", "tests/sources/gpu"),
    *("tests/sources/shell", "tests/sources/manifests", "tests/outputs/metrics", "tests/outputs/otlp"),
    *(
        "tests/outputs/dashboards",
        "tests/outputs/economics",
        "tests/outputs/top",
        "tests/cli/top",
        "tests/test_api.py",
    ),
)


def main() -> int:
    """Resolves, installs, tests."""
    python = sys.argv[1] if len(sys.argv) > 1 else sys.executable
    FOLDER.parent.mkdir(exist_ok=True)
    extras = [f"--extra={extra}" for extra in declared() if extra and extra not in NOT_SHIPPED]
    pins = FOLDER.with_suffix(".txt")
    own = FOLDER / "bin" / "python"
    for command in (
        [
            "pip",
            "compile",
            "pyproject.toml",
            *extras,
            "--resolution=lowest-direct",
            "-q",
            "--no-header",
            "-o",
            pins,
        ],
        ["venv", "-q", "--clear", "--python", python, FOLDER],
        ["pip", "install", "-q", "--python", own, "-r", pins, *TOOLS],
    ):
        subprocess.run(
            [sys.executable, "-m", "uv", *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    tests = [str(own), "-m", "pytest", "-q", "-n0", *TESTS]
    return subprocess.run(tests, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
