"""This machine's GPUs as a fit check sees them, asked in a process of its own through the real pynvml."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nvml_stand_in import Mood, environment

PROBE = Path(__file__).parent / "gpu_probe.py"


def local(
    library: Path,
    mood: Mood,
    *,
    timeout: float = 5.0,
    ranks: int = 0,
    device_ids: list[int | str] | None = None,
    loading: Callable[[Path, Path], dict[str, str]] = environment,
    **variables: str,
) -> dict[str, Any]:
    """What `local_gpus` said in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(PROBE), "local", str(timeout), str(ranks), json.dumps(device_ids)],
        env=loading(library, mood.file) | variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert [line for line in done.stderr.splitlines() if "waiting up to" not in line] == []
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
