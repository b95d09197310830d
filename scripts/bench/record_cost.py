"""What one `record()` costs: ours against vLLM's own Prometheus logger, same statistics, same process.

Prints JSON: seconds per call of each (the median of interleaved rounds) and their ratio.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.bench.server_config import engine_args

RUNNING = 256
FINISHED = 8
CALLS_PER_ROUND = 100
ROUNDS = 60


def main(model: Path) -> None:
    """Measure and print."""
    config = engine_args(model).create_engine_config()
    from vllm.v1.metrics.loggers import PrometheusStatLogger

    from vllm_costmeter.plugin.stat_logger import CostMeterStatLogger

    scheduler, iteration = busy_step()
    theirs, ours = PrometheusStatLogger(config, [0]), CostMeterStatLogger(config, [0])
    seconds: dict[str, list[float]] = {"vllm": [], "costmeter": []}
    for _ in range(ROUNDS):
        for name, logger in (("vllm", theirs), ("costmeter", ours)):
            seconds[name].append(seconds_per_call(lambda used=logger: used.record(scheduler, iteration)))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    print(json.dumps({"seconds_per_call": median, "ratio": median["costmeter"] / median["vllm"]}))


def seconds_per_call(call: Callable[[], None]) -> float:
    """Processor time of this thread, so that the sampler's and other processes' work does not count."""
    started = time.thread_time()
    for _ in range(CALLS_PER_ROUND):
        call()
    return (time.thread_time() - started) / CALLS_PER_ROUND


def busy_step() -> tuple[Any, Any]:
    """One step of a full batch: 256 running, 8 of them finished and 8 others with their first token."""
    from vllm.v1.engine import FinishReason
    from vllm.v1.metrics.stats import FinishedRequestStats, IterationStats, SchedulerStats

    iteration = IterationStats()
    iteration.num_generation_tokens = RUNNING
    iteration.time_to_first_tokens_iter = [0.2] * FINISHED
    iteration.inter_token_latencies_iter = [0.02] * (RUNNING - FINISHED)
    iteration.max_num_generation_tokens_iter = [128] * FINISHED
    iteration.n_params_iter = [1] * FINISHED
    iteration.prompt_token_stats.computed = 4000
    iteration.prompt_token_stats.local_cache_hit = iteration.prompt_token_stats.cached_tokens = 96
    iteration.prompt_token_stats.total = 4096
    iteration.finished_requests = [
        FinishedRequestStats(
            finish_reason=FinishReason.LENGTH,
            request_id=f"cmpl-{number}",
            e2e_latency=3.0,
            num_prompt_tokens=512,
            num_generation_tokens=128,
            max_tokens_param=128,
            queued_time=0.1,
            prefill_time=0.2,
            inference_time=2.9,
            decode_time=2.7,
            mean_time_per_output_token=0.02,
            num_cached_tokens=12,
        )
        for number in range(FINISHED)
    ]
    return SchedulerStats(num_running_reqs=RUNNING, kv_cache_usage=0.5), iteration


if __name__ == "__main__":
    main(Path(sys.argv[1]))
