"""`python -m scripts.supply.sbom`: a CycloneDX list of what the base install and its extras bring, in build/sbom.json.

Made from an environment that has just these. Needs `uv` and `cyclonedx-bom`.
"""

from __future__ import annotations

import subprocess
import sys

from scripts.supply.dependencies import NOT_SHIPPED, ROOT, declared

FOLDER = ROOT / "build" / "shipped"


def main() -> int:
    """The exit code of cyclonedx-py."""
    extras = ",".join(extra for extra in declared() if extra and extra not in NOT_SHIPPED)
    own = str(FOLDER / "bin" / "python")
    FOLDER.parent.mkdir(exist_ok=True)
    for command in (
        ["venv", "-q", "--clear", "--python", sys.executable, str(FOLDER)],
        ["pip", "install", "-q", "--python", own, f".[{extras}]"],
    ):
        subprocess.run([sys.executable, "-m", "uv", *command], cwd=ROOT, check=True)
    out = str(ROOT / "build" / "sbom.json")
    made = [
        "environment",
        own,
        "--pyproject",
        "pyproject.toml",
        "--of",
        "JSON",
        "--output-reproducible",
        "-o",
        out,
    ]
    return subprocess.run([sys.executable, "-m", "cyclonedx_py", *made], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
