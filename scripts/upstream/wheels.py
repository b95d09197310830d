"""The Python sources of a release, taken from its wheel with pip and kept in the user's cache."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.upstream.release_sources import opened, unpacked
from scripts.upstream.releases import version

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vllm-costmeter" / "vllm-sources"
RELEASE = re.compile(r"\d+\.\d+\.\d+")
MOST_NAMED = 3


class NoReleaseError(Exception):
    """There is no such release; one line says what there is."""


def sources_of(release: str, kept: Path | None = None) -> Path:
    """The folder that contains `vllm/` of that release: in `kept` as RELEASE/vllm, in the cache, or from its wheel
    (350 MB, of which the Python files are kept). NoReleaseError if there is no wheel."""
    for folder in filter(None, (kept, CACHE)):
        if (folder / release / "vllm" / "config").is_dir():
            return folder / release
    target = CACHE / release
    with tempfile.TemporaryDirectory(prefix="vllm-wheel-") as folder:
        unpacked(_downloaded(release, Path(folder)), target)
    with opened(target):  # it has a release number
        return target


def _downloaded(release: str, folder: Path) -> Path:
    """Its wheel for x86-64 CUDA, without dependencies."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-cache-dir",
        "--only-binary",
        ":all:",
    ]
    done = subprocess.run(
        [*pip, "--disable-pip-version-check", "--dest", str(folder), f"vllm=={release}"],
        check=False,
        capture_output=True,
        text=True,
    )
    found = sorted(folder.glob("vllm-*.whl"))
    if found:
        return found[0]
    known = re.search(r"from versions: ([^)]*)\)", done.stderr)
    if known is None:
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no reason given")
        raise NoReleaseError(f"pip could not download vLLM {release}: {last.strip()}")
    releases = [name for name in known[1].split(", ") if RELEASE.fullmatch(name)]
    raise NoReleaseError(
        f"vLLM {release} has no wheel; the nearest that have one: {_nearest(release, releases)}"
    )


def _nearest(release: str, releases: list[str]) -> str:
    """The releases around that number, oldest first."""
    around = sorted({*releases, release}, key=version)
    at = around.index(release)
    near = around[max(0, at - MOST_NAMED) : at] + around[at + 1 : at + 1 + MOST_NAMED]
    return ", ".join(near) or "none"
