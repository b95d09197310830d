"""What the process that charges publishes with, where several processes share their metrics in files."""

from __future__ import annotations

import os
import time
from pathlib import Path

from vllm_costmeter.outputs.metrics.earlier_run import remove_earlier_run
from vllm_costmeter.outputs.metrics.multiprocess import MultiprocessPublisher
from vllm_costmeter.sources.files.process_age import process_age_seconds
from vllm_costmeter.sources.vllm.config import ServerShape


def charging_publisher(directory: Path, shape: ServerShape) -> MultiprocessPublisher:
    """Of rank 0. What an earlier server with more processes left in the directory is removed first: it would count
    twice."""
    age = process_age_seconds(os.getpid())
    if age is not None:
        remove_earlier_run(directory, shape.api_process_count, time.time() - age)
    return MultiprocessPublisher(directory, 0)
