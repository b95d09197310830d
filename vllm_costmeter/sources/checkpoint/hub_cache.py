"""A disk cache for the Hub: commits are cached forever, the commit of a branch for an hour."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from vllm_costmeter.core.dataclass import asdict, dataclass
from vllm_costmeter.core.errors import OTHERWISE
from vllm_costmeter.core.model.checkpoint import DTYPE_BITS, CheckpointContents, TensorGroup
from vllm_costmeter.sources.files import home
from vllm_costmeter.sources.files.state_folder import locked_folder, opened_folder, read_in, replace_in

BRANCH_LIFETIME_SECONDS = 3600.0
"""How long the commit of a branch is reused: long enough for a pipeline, not for a day."""

LARGEST_BYTES = 64 << 20
"""A longer file was not written by us."""
LARGEST_COUNT = (1 << 63) - 1
"""Of bytes or values: no file system has larger files."""
LONGEST_WAIT_FOR_WRITERS_SECONDS = 1.0

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class HubModel:
    """Everything read from one commit."""

    config: Mapping[str, Any]
    hf_quant_config: Mapping[str, Any] | None
    contents: CheckpointContents | None
    is_embedder: bool
    """Whether it is a sentence-transformers repository."""


def is_commit(revision: str | None) -> bool:
    """Whether a revision is immutable."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """$XDG_CACHE_HOME/vllm-costmeter/hub, with ~/.cache by default."""
    root = environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else home(environ) / ".cache") / "vllm-costmeter" / "hub"


class HubCache:
    """One endpoint's part of the cache. A file that cannot be read or written is ignored."""

    def __init__(
        self, endpoint: str, folder: Path | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self._endpoint = endpoint
        self._folder = cache_folder() if folder is None else folder
        self._now = now

    def commit_of(self, repository: str, revision: str | None, *, any_age: bool = False) -> str | None:
        """The last known commit of a revision; None if there is none, or it is too old."""
        if is_commit(revision):
            return revision
        seen = _read(self._file("ref", repository, revision or "main"))
        commit, at = seen.get("commit"), seen.get("seen_at")
        if not isinstance(commit, str) or not isinstance(at, (int, float)):
            return None
        now = self._now()
        fresh = now - BRANCH_LIFETIME_SECONDS < at <= now
        return commit if fresh or any_age else None

    def load(self, repository: str, commit: str) -> HubModel | None:
        """What was read from a commit."""
        found = _read(self._file("model", repository, commit))
        try:
            contents = found["contents"]
            return HubModel(
                _object(found["config"]),
                None if found["hf_quant_config"] is None else _object(found["hf_quant_config"]),
                None
                if contents is None
                else CheckpointContents(
                    contents["format"],
                    tuple(map(_group, contents["groups"])),
                    int(contents["num_tensors"]),
                    int(contents["num_files"]),
                ),
                bool(found["is_embedder"]),
            )
        except OTHERWISE:
            return None

    def save(self, repository: str, revision: str | None, commit: str, model: HubModel) -> None:
        """Store a commit, and that the revision points to it now."""
        _write(self._file("model", repository, commit), asdict(model))
        if not is_commit(revision):
            seen = {"commit": commit, "seen_at": self._now()}
            _write(self._file("ref", repository, revision or "main"), seen)

    def _file(self, kind: str, repository: str, revision: str) -> Path:
        key = hashlib.sha256("\n".join((self._endpoint, repository, revision)).encode()).hexdigest()[:32]
        return self._folder / f"{kind}-{key}.json"


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _group(values: Mapping[str, Any]) -> TensorGroup:
    """One of OTHERWISE for what was not written by us."""
    group = TensorGroup(**values)
    counts = (group.bytes, group.values, 0 if group.layer is None else group.layer)
    if (
        not all(type(each) is int and 0 <= each <= LARGEST_COUNT for each in counts)
        or group.dtype not in DTYPE_BITS
    ):
        raise ValueError
    if not isinstance(group.use, str):
        raise TypeError
    return group


def _read(file: Path) -> dict[str, Any]:
    try:
        with opened_folder(file.parent) as folder:
            found = json.loads(read_in(folder, file.name, LARGEST_BYTES) or b"")
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(file: Path, values: Mapping[str, Any]) -> None:
    with suppress(OSError), locked_folder(file.parent, "lock", LONGEST_WAIT_FOR_WRITERS_SECONDS) as folder:
        replace_in(folder, file.name, json.dumps(values).encode())
