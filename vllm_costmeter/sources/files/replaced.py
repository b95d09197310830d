"""A file replaced as a whole: a reader sees the old text or the new one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace_file(file: Path, text: str) -> None:
    """Writes the text beside the file, then renames it; permissions stay. Makes the folder. OSError if that fails."""
    file.parent.mkdir(parents=True, exist_ok=True)
    target = file.resolve()
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        if target.exists():
            Path(name).chmod(target.stat().st_mode & 0o777)
        else:
            Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
