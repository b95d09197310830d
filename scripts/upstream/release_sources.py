"""The Python sources of one vLLM release, and its own `vllm serve` parser run in a separate process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

PROGRAM = Path(__file__).with_name("in_release")
MISSING = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
MOST_STAND_INS = 20


@dataclass(frozen=True, slots=True)
class Release:
    """A folder with `vllm/`, and its release according to `vllm/_version.py`."""

    folder: Path
    version: str
    work_folder: Path | None = None
    """Working directory for relative paths in commands."""
    stand_ins: list[str] = field(default_factory=list)
    """Missing modules found so far."""

    def describe(self, argparse_file: Path | None = None) -> dict[str, Any]:
        """Flags and configuration shapes of the release's parser, in the format of `described.py`."""
        found: dict[str, Any] = json.loads(self._run("describe", argparse_file, ""))
        return found

    def parse(self, commands: Sequence[Sequence[str]], argparse_file: Path | None = None) -> list[Any]:
        """The parser's result for each list of words after `vllm serve`, in the format of `parsed.py`."""
        lines = "".join(f"{json.dumps(list(words))}\n" for words in commands)
        answers = [json.loads(line) for line in self._run("parse", argparse_file, lines).splitlines()]
        if len(answers) != len(commands):
            raise SystemExit(f"vLLM {self.version}: {len(answers)} answers about {len(commands)} commands")
        return answers

    def _run(self, task: str, argparse_file: Path | None, given: str) -> str:
        """Retry, with one more stand-in each time, while a module that vLLM always imports is missing."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VLLM_")}
        environment |= {
            "PYTHONPATH": str(self.folder.resolve()),
            "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "vllm-bytecode"),
            "VLLM_PLUGINS": "",
        }
        command = [sys.executable, str(PROGRAM), task]
        command += ["--argparse", str(argparse_file.resolve())] if argparse_file else []
        while True:
            words = [*command, *(word for name in self.stand_ins for word in ("--stand-in", name))]
            done = subprocess.run(
                words,
                input=given,
                capture_output=True,
                text=True,
                check=False,
                env=environment,
                cwd=self.work_folder,
            )
            if not done.returncode:
                return done.stdout
            missing = MISSING.findall(done.stderr)
            if not missing or missing[-1] in self.stand_ins or len(self.stand_ins) == MOST_STAND_INS:
                raise SystemExit(f"vLLM {self.version}: its parser cannot be built\n{done.stderr[-2000:]}")
            self.stand_ins.append(missing[-1])


@contextmanager
def opened(source: Path) -> Iterator[Release]:
    """The release in a wheel, an sdist or a folder; unpacked files are deleted afterwards."""
    if source.is_dir():
        yield _release(source, source)
        return
    with tempfile.TemporaryDirectory(prefix="vllm-release-") as folder:
        unpacked(source, Path(folder))
        yield _release(Path(folder), source)


def _release(folder: Path, source: Path) -> Release:
    file = folder / "vllm" / "_version.py"
    found = re.search(r"version = ['\"](\d+\.\d+\.\d+)", file.read_text()) if file.is_file() else None
    if found is None:
        raise SystemExit(
            f"{source}: no release number in vllm/_version.py; give a wheel, an sdist or a folder"
        )
    return Release(folder, found[1])


def unpacked(source: Path, folder: Path) -> None:
    """Extract the files below vllm/, wherever it is in the archive, except compiled code."""
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as wheel:
            for name in wheel.namelist():
                if target := _inside(name, folder):
                    target.write_bytes(wheel.read(name))
    elif tarfile.is_tarfile(source):
        with tarfile.open(source) as sdist:
            for member in sdist:
                content = sdist.extractfile(member) if member.isfile() else None
                if content and (target := _inside(member.name, folder)):
                    target.write_bytes(content.read())
    else:
        raise SystemExit(f"{source}: neither a wheel nor an sdist nor a folder")


def _inside(name: str, folder: Path) -> Path | None:
    parts = PurePosixPath(name).parts
    parts = parts[1:] if parts[:1] != ("vllm",) else parts
    if parts[:1] != ("vllm",) or ".." in parts or parts[-1].endswith((".so", ".a", ".bin")):
        return None
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
