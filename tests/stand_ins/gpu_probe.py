"""Run by the tests in a process of its own: reads the stand-in driver and answers one line of JSON per line read."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.bounds import LeftOut
from vllm_costmeter.core.settings import values
from vllm_costmeter.sources.gpu.local import local_gpus
from vllm_costmeter.sources.gpu.server_gpus import server_gpus


def look(timeout_seconds: float, ranks: int | None, device_ids: list[int | str] | None) -> object:
    """What `local_gpus` gives, or its error, and how long it took."""
    started = time.monotonic()
    try:
        gpus = local_gpus(ranks, device_ids=device_ids, timeout_seconds=timeout_seconds)
        found: object = [asdict(gpu) for gpu in gpus]
    except BadInputError as fault:
        found = str(fault)
    return {"found": found, "seconds": time.monotonic() - started}


def main() -> None:
    if sys.argv[1] == "local":
        device_ids = json.loads(sys.argv[4])
        print(json.dumps(look(float(sys.argv[2]), int(sys.argv[3]) or None, device_ids)), flush=True)
        return
    count = int(sys.argv[2])
    left_out: dict[str, str] = {}

    def note(gpu: str, what: LeftOut) -> None:
        left_out[f"{gpu} {what.quantity}"] = what.why

    source = server_gpus(
        count or None,
        source=values.gpu_source(os.environ.get("GPU_PROBE_SOURCE", "auto")),
        device_ids=json.loads(sys.argv[3]),
        left_out=note,
        interval_seconds=0.03,
        stale_seconds=0.5,
    )
    for line in sys.stdin:
        started = time.monotonic()
        if line.strip() == "close":
            source.close()
        answer = asdict(source.latest()) | {"answered_in_seconds": time.monotonic() - started}
        answer["left_out"] = dict(left_out)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
