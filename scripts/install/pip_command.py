"""How the set-up calls pip: quietly, always with the same download cache, and without compiling what is never imported.

Compiling all of torch, transformers and vLLM costs more than half of the set-up's processor time, and a server imports
a fifth of it; Python compiles that at the first start and keeps it.
"""

from __future__ import annotations

import os
from pathlib import Path

OPTIONS = ("--no-input", "--progress-bar", "off", "--no-compile")


def pip_install(venv: Path) -> list[str | Path]:
    """`pip install` in `venv`, to be followed by what to install."""
    return [venv / "bin" / "python", "-m", "pip", "install", *OPTIONS]


def keep_downloads(fallback: Path) -> None:
    """pip keeps what it downloads in the user's cache, so that nothing is downloaded twice, by an interrupted set-up or
    another checkout; in `fallback` where the user's home is not to be written to."""
    os.environ.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    nearest = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(nearest, os.W_OK):
        os.environ.setdefault("PIP_CACHE_DIR", str(fallback))
