"""A process that meters the stand-in driver's GPUs and tells what its source says: the real pynvml loads it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nvml_stand_in import Mood, environment

PROBE = Path(__file__).parent / "gpu_probe.py"
FIRST, SECOND = (f"GPU-{gpu + 1}0000000-0000-0000-0000-00000000000{gpu}" for gpu in (0, 1))


class Probe:
    """A process that meters the stand-in's GPUs; `latest` asks what its source says now."""

    def __init__(
        self,
        library: Path,
        mood: Mood,
        count: int = 0,
        device_ids: list[int] | None = None,
        loading: Callable[[Path, Path], dict[str, str]] = environment,
        **variables: str,
    ) -> None:
        env = loading(library, mood.file) | variables
        self.process = subprocess.Popen(
            [sys.executable, str(PROBE), "source", str(count), json.dumps(device_ids)],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def latest(self, line: str = "latest") -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert answer["answered_in_seconds"] < 0.5
        return answer

    def until(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 30.0) -> dict[str, Any]:
        """The first answer that is as wanted; fails with the last one after `seconds`."""
        deadline = time.monotonic() + seconds
        while not wanted(answer := self.latest()):
            assert time.monotonic() < deadline, answer
            time.sleep(0.02)
        return answer

    def until_up(self) -> dict[str, Any]:
        return self.until(lambda answer: bool(answer["up"]))

    def until_down(self) -> dict[str, Any]:
        return self.until(lambda answer: not answer["up"] and answer["read_monotonic_seconds"] is not None)
