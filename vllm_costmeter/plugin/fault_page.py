"""What /metrics shows of a meter that could not start: its faults and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.outputs.metrics.exposition import Family, process_families
from vllm_costmeter.outputs.metrics.multiprocess import MultiprocessPublisher


def page_of_faults(faults: ErrorCounts) -> LatestCollector:
    """On the page of the only API process, until something else is published on it."""
    return LatestCollector(
        before_scrape=lambda page: page.publish(_families(faults)), on_fault=lambda: faults.add("scrape")
    )


def publish_faults(faults: ErrorCounts) -> None:
    """Once, where nothing else will be published: on the page, or in a file where several processes share one."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if directory:
        MultiprocessPublisher(Path(directory), os.getpid()).publish(_families(faults))
    else:
        page_of_faults(faults)


def _families(faults: ErrorCounts) -> tuple[Family, ...]:
    return process_families("", {}, None, faults.counts())
