"""`python -m scripts.supply.sbom`: a CycloneDX list of what the base install and its extras bring, in build/sbom.json.

Made from an environment that has just these. Needs `uv` and `cyclonedx-bom`.
"""

from __future__ import annotations

import json
import subprocess
import sys

from scripts.supply.dependencies import NOT_SHIPPED, ROOT, declared
from vllm_costmeter import __version__

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
    out = ROOT / "build" / "sbom.json"
    made = [
        "environment",
        own,
        "--pyproject",
        "pyproject.toml",
        "--of",
        "JSON",
        "--output-reproducible",
        "-o",
        str(out),
    ]
    done = subprocess.run([sys.executable, "-m", "cyclonedx_py", *made], cwd=ROOT, check=False)
    if done.returncode == 0:
        found = json.loads(out.read_text("utf-8"))
        found["metadata"]["component"]["version"] = __version__  # pyproject.toml does not have it
        out.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
        print(f"{out.relative_to(ROOT)}: {len(found['components'])} packages")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
