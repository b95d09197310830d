"""A command loads the modules and reads the files of what it is asked for: each case in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
LLAMA_8B, LLAMA_70B = "examples/models/llama-3.1-8b", "examples/models/llama-3.1-70b"
"""Below the root, whose own name may look like a command: a space, and vllm."""
FITS = ("check", LLAMA_8B, "--gpu", "RTX 4090", "--max-model-len", "8192")
REFUSED = ("check", LLAMA_70B, "--gpu", "RTX 4090", "--max-model-len", "8192")
UNNAMED = ("check", LLAMA_8B, "--gpu-memory-gib", "24", "--max-model-len", "8192")

STARTED = """
import contextlib, io, json, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from vllm_costmeter.cli.main import main
with contextlib.redirect_stdout(io.StringIO()):
    try:
        main(sys.argv[1:])
    except SystemExit:
        pass
print(json.dumps({"modules": sorted(sys.modules), "opened": opened}))
"""


def started(words: tuple[str, ...], tmp_path: Path) -> dict[str, Any]:
    """What a command imported and opened; nobody recorded a start on this machine."""
    environ = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", STARTED, *words],
        capture_output=True,
        text=True,
        check=True,
        env=environ,
        cwd=ROOT,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("words", "most"),
    [
        (("--help",), 7),
        (("check", "--help"), 21),
        (("gpus",), 37),
        (FITS, 123),
        ((*FITS, "--format", "json"), 126),
        (REFUSED, 144),
    ],
    ids=["help", "help of check", "gpus", "fits", "as JSON", "refused, with suggestions"],
)
def test_a_command_loads_no_more_of_ours_than_it_needs(
    words: tuple[str, ...], most: int, tmp_path: Path
) -> None:
    """Every module costs a fifth of a millisecond; packages count."""
    own = [name for name in started(words, tmp_path)["modules"] if name.startswith("vllm_costmeter")]
    assert len(own) <= most, f"{len(own)} modules: {own}"


def test_a_check_loads_nothing_slow_of_the_standard_library(tmp_path: Path) -> None:
    """Each of these took 1 to 10 ms of a check of 80."""
    slow = {
        "dataclasses",
        "inspect",
        "tomllib",
        "datetime",
        "difflib",
        "shutil",
        "subprocess",
        "importlib.metadata",
    }
    assert slow & set(started(FITS, tmp_path)["modules"]) == set()


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (UNNAMED, set()),
        (FITS, {"gpus.json"}),
        (REFUSED, {"gpus.json", "prices.toml"}),
        (("check", "--help"), set()),
        (("prices", "--help"), set()),
    ],
    ids=["a GPU by its memory", "a GPU by its name", "suggestions", "help", "help of prices"],
)
def test_a_command_reads_the_catalogue_files_it_needs_once(
    words: tuple[str, ...], files: set[str], tmp_path: Path
) -> None:
    """A check of a stated memory reads no catalogue; prices are read where something is to be suggested."""
    read = [Path(name).name for name in started(words, tmp_path)["opened"] if "/catalogue/" in name]
    data = [name for name in read if name.endswith((".json", ".toml"))]
    assert set(data) == files
    assert len(data) == len(files)
