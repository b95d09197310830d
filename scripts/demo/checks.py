"""The first step of the demo, before anything is installed: two fit checks, which need only Python."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECKS = (
    (("examples/models/llama-3.1-70b", "--gpu", "RTX 4090"), 1),
    (("examples/models/llama-3.1-8b", "--gpu", "RTX 4090", "--max-model-len", "16384"), 0),
)
"""Arguments of `costmeter check`, and the exit code of its verdict."""


def main() -> None:
    """Run both as a user would; an unexpected verdict ends the demo."""
    print("1/5 Will it fit? Nothing is loaded; this needs no GPU, only Python")
    for arguments, expected_status in CHECKS:
        print(f"  $ costmeter check {shlex.join(arguments)}", flush=True)
        command = (sys.executable, "-m", "vllm_costmeter.cli.main", "check", *arguments)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        print("".join(f"    {line}\n" for line in (done.stdout + done.stderr).splitlines()), end="")
        print(f"  exit code {done.returncode}\n", flush=True)
        if done.returncode != expected_status:
            sys.exit(f"The demo stopped: costmeter check should have exited with code {expected_status}")


if __name__ == "__main__":
    main()
