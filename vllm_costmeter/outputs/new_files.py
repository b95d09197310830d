"""Files written all or none, and never over others unless asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError

NAMED_AT_MOST = 3


def write_new_files(folder: Path, texts: Mapping[str, str], *, force: bool = False) -> None:
    """Writes every text under its path in `folder`, which is made where it is missing.

    Raises BadInputError before anything is written when one is there already (unless `force`), and when the folder
    cannot be written.
    """
    existing = [name for name in texts if (folder / name).exists()]
    if existing and not force:
        named = ", ".join(existing[:NAMED_AT_MOST])
        more = len(existing) - NAMED_AT_MOST
        named += f" and {more} more" if more > 0 else ""
        raise BadInputError(f"{folder} already has {named}: nothing was written; --force overwrites")
    try:
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    except OSError as error:
        raise BadInputError(
            f"cannot write {error.filename or folder}: {error.strerror}; name another folder"
        ) from None
