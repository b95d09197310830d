"""What the sampler's thread takes of a core: the plugin as vLLM starts it, beside an event loop that reports 50 steps a
second.

Prints JSON: its processor time over the time it lived, after the first seconds, which put everything together. On a
machine without a GPU the driver's thread has nothing to read.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from scripts.bench.record_cost import busy_step
from scripts.bench.server_config import engine_args

SECONDS = 40.0
SETTLED_SECONDS = 5.0
SECONDS_PER_STEP = 0.02


def main(model: Path) -> None:
    """Measure and print."""
    config = engine_args(model).create_engine_config()
    from vllm_costmeter.plugin import stat_logger

    seen: list[tuple[float, float]] = []

    class Watched(stat_logger.Sampler):
        """Notes after each tick the time and what its thread has taken so far, its waiting included."""

        def __init__(self, tick: Any, on_error: Any) -> None:
            def noted() -> None:
                tick()
                seen.append((time.monotonic(), time.thread_time()))

            super().__init__(noted, on_error)

    stat_logger.Sampler = Watched  # type: ignore[misc]
    logger = stat_logger.CostMeterStatLogger(config, [0])
    step, ended = busy_step(), time.monotonic() + SECONDS
    while time.monotonic() < ended:
        logger.record(*step)
        time.sleep(SECONDS_PER_STEP)
    settled = [moment for moment in seen if moment[0] >= seen[0][0] + SETTLED_SECONDS]
    (began, before), (end, after) = settled[0], settled[-1]
    print(json.dumps({"share_of_a_core": (after - before) / (end - began), "ticks": len(settled) - 1}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
