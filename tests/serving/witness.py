"""Another vLLM plugin, installed beside ours, that notes in a file where and as what it was loaded."""

from __future__ import annotations

import os
from pathlib import Path

MODULE = """
import os
import sys


def note(what):
    with open(os.environ["WITNESS_NOTES"], "a") as notes:
        notes.write(f"{what} {os.getpid()}\\n")


def general():
    note("general")


def endpoint():
    note("endpoint")
    raise RuntimeError("the witness has no endpoints")
"""
METADATA = "Metadata-Version: 2.1\nName: witness-plugin\nVersion: 1\n"
ENTRY_POINTS = """\
[vllm.general_plugins]
witness = witness_plugin:general

[vllm.endpoint_plugins]
witness = witness_plugin:endpoint
"""


def install_witness(folder: Path) -> dict[str, str]:
    """The environment variables with which a process sees the plugin and writes `folder`/notes."""
    (folder / "witness_plugin.py").write_text(MODULE)
    metadata = folder / "witness_plugin-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(METADATA)
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    notes = folder / "notes"
    notes.write_text("")
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""))))
    return {"PYTHONPATH": path, "WITNESS_NOTES": str(notes)}


def processes_that_loaded(notes: Path, what: str) -> set[int]:
    """The process ids that loaded the witness as `what` ("general" or "endpoint")."""
    return {int(line.split()[1]) for line in notes.read_text().splitlines() if line.startswith(f"{what} ")}
