"""Run by the tests in a process of its own: reads the stand-in driver and answers one line of JSON per line read."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.local_gpus import local_gpus
from vllm_costmeter.sources.nvml_source import nvml_source


def look(timeout_seconds: float, ranks: int | None) -> object:
    """What `local_gpus` gives, or its error, and how long it took."""
    started = time.monotonic()
    try:
        found: object = [asdict(gpu) for gpu in local_gpus(ranks, timeout_seconds=timeout_seconds)]
    except BadInputError as fault:
        found = str(fault)
    return {"found": found, "seconds": time.monotonic() - started}


def main() -> None:
    if sys.argv[1] == "local":
        print(json.dumps(look(float(sys.argv[2]), int(sys.argv[3]) or None)), flush=True)
        return
    count = int(sys.argv[2])
    source = nvml_source(count or None, interval_seconds=0.03, stale_seconds=0.5)
    for line in sys.stdin:
        started = time.monotonic()
        if line.strip() == "close":
            source.close()
        answer = asdict(source.latest()) | {"answered_in_seconds": time.monotonic() - started}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
