"""The metrics of a meter that could not start: only its errors."""

from __future__ import annotations

import os
from pathlib import Path

from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.outputs.metrics.exposition import Family, process_families
from vllm_costmeter.outputs.metrics.multiprocess import MultiprocessPublisher


def page_of_faults(faults: ErrorCounts) -> LatestCollector:
    """On the /metrics of the only API process, until something else is published."""
    return LatestCollector(
        before_scrape=lambda page: page.publish(_families(faults)), on_fault=lambda: faults.add("scrape")
    )


def publish_faults(faults: ErrorCounts) -> None:
    """Once, if nothing else will be published: on /metrics, or in a file if several processes share it."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if directory:
        MultiprocessPublisher(Path(directory), os.getpid()).publish(_families(faults))
    else:
        page_of_faults(faults)


def _families(faults: ErrorCounts) -> tuple[Family, ...]:
    return process_families("", {}, None, None, faults.counts())
