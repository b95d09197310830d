"""Is there enough disk space?"""

from __future__ import annotations

import shutil
from pathlib import Path


def require_room(folder: Path, needed_bytes: int) -> None:
    """Exit with one line if the disk of `folder` has less than `needed_bytes` free."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise SystemExit(
            f"{folder} has {free_bytes / 1e9:.1f} GB free; the install needs about {needed_bytes / 1e9:.0f} GB: "
            "free some space, or clone the project to a larger disk"
        )
