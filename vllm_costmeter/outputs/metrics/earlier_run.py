"""Files of ours that an ended server left in the directory that API processes share.

vLLM asks that PROMETHEUS_MULTIPROC_DIR be wiped between runs if it is set by hand. A process replaces the files of its
own rank, but those of a run with more processes would be summed into every scrape for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vllm_costmeter.outputs.metrics.multiprocess import FILE_PREFIXES

_NUMBERED = re.compile(
    rf"(?:{'|'.join(FILE_PREFIXES.values())})_costmeter(?P<metrics>[0-9]+)\.(?:db|costmeter-tmp)"
    r"|costmeter_engines_(?P<engines>[0-9]+)\.json(?:\.[0-9]+\.tmp)?"
    r"|costmeter_requests_(?P<requests>[0-9]+)_[0-9]+\.jsonl"
)
"""The files of `multiprocess.py`, `process_exchange.py` and `request_files.py`, each exactly: others are not ours to
remove. By the rank of the process, or by its id where it could not start (`fault_page.py`)."""


def remove_earlier_run(directory: Path, processes: int, started_unix_seconds: float) -> None:
    """Remove what no process of this server replaces: of ranks that it does not have, from before it started."""
    for path in _of_other_processes(directory, processes):
        with suppress(OSError):  # gone meanwhile, or another's
            if path.lstat().st_mtime < started_unix_seconds:
                path.unlink()


def _of_other_processes(directory: Path, processes: int) -> Iterator[Path]:
    with suppress(OSError):
        for path in list(directory.iterdir()):
            numbered = _NUMBERED.fullmatch(path.name)
            if numbered and int(numbered[str(numbered.lastgroup)]) >= processes:
                yield path
