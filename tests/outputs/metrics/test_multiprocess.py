"""The files that several API processes' /metrics is merged from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.multiprocess import mark_process_dead
from published import READING, families
from required_tool import required_tool

from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.exposition import Family, process_families
from vllm_costmeter.outputs.metrics.multiprocess import MultiprocessPublisher
from vllm_costmeter.outputs.metrics.prometheus import CollectorRegistry, MultiProcessCollector

Sample = tuple[str, tuple[tuple[str, str], ...]]


def samples(registry: CollectorRegistry) -> dict[Sample, float]:
    """Every sample by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for metric in registry.collect()
        for sample in metric.samples
    }


def merged(directory: Path) -> CollectorRegistry:
    """What vLLM serves with several API processes."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]
    return registry


def of_one_process() -> tuple[Family, ...]:
    """What an API process that does not charge publishes."""
    return process_families("org/model-8b", READING.tokens, None, None, {"hook": 1})


def test_one_process_alone_reads_as_a_collector_would(tmp_path: Path) -> None:
    """Same samples, same values, no `pid` label; types and help as well."""
    registry = CollectorRegistry()
    LatestCollector(registry).publish(families())
    MultiprocessPublisher(tmp_path, 0).publish(families())
    assert samples(merged(tmp_path)) == samples(registry)
    described = {metric.name: (metric.type, metric.documentation) for metric in registry.collect()}
    assert {m.name: (m.type, m.documentation) for m in merged(tmp_path).collect()} == described


def test_tokens_of_processes_add_up_and_dollars_are_charged_once(tmp_path: Path) -> None:
    """Three processes: three times the tokens, the bill of the one that charges."""
    MultiprocessPublisher(tmp_path, 0).publish(families())
    for rank in (1, 2):
        MultiprocessPublisher(tmp_path, rank).publish(of_one_process())
    registry = merged(tmp_path)
    model = {"model_name": "org/model-8b"}
    assert registry.get_sample_value("costmeter_tokens_total", model | {"kind": "generated"}) == 1500
    idle = model | {"state": "idle", "component": "depreciation"}
    assert registry.get_sample_value("costmeter_cost_usd_total", idle) == 0.01
    assert registry.get_sample_value("costmeter_errors_total", {"where": "hook"}) == 2


def test_absence_needs_no_more_than_not_publishing(tmp_path: Path) -> None:
    """A gauge of the last second is gone in this one."""
    publisher = MultiprocessPublisher(tmp_path, 0)
    publisher.publish(families())
    publisher.publish(of_one_process())
    left = {name for name, _ in samples(merged(tmp_path))}
    assert left == {"costmeter_tokens_total", "costmeter_errors_total"}


def test_values_change_in_place_as_long_as_the_samples_are_the_same(tmp_path: Path) -> None:
    """A second costs no new file, and the scrape reads the new value."""
    publisher = MultiprocessPublisher(tmp_path, 0)
    publisher.publish(of_one_process())
    file = (tmp_path / "counter_costmeter0.db").stat().st_ino
    publisher.publish(process_families("org/model-8b", {"generated": 7}, None, None, {"hook": 1}))
    assert (tmp_path / "counter_costmeter0.db").stat().st_ino != file
    file = (tmp_path / "counter_costmeter0.db").stat().st_ino
    publisher.publish(process_families("org/model-8b", {"generated": 8}, None, None, {"hook": 1}))
    assert (tmp_path / "counter_costmeter0.db").stat().st_ino == file
    labels = {"model_name": "org/model-8b", "kind": "generated"}
    assert merged(tmp_path).get_sample_value("costmeter_tokens_total", labels) == 8


def test_a_file_of_an_earlier_run_is_replaced(tmp_path: Path) -> None:
    """What it counted is not added to what this run counts."""
    MultiprocessPublisher(tmp_path, 0).publish(families())
    MultiprocessPublisher(tmp_path, 0).publish(of_one_process())
    labels = {"model_name": "org/model-8b", "kind": "generated"}
    assert merged(tmp_path).get_sample_value("costmeter_tokens_total", labels) == 500
    assert {name for name, _ in samples(merged(tmp_path))} == {
        "costmeter_tokens_total",
        "costmeter_errors_total",
    }


def test_the_death_of_a_process_leaves_the_files(tmp_path: Path) -> None:
    """The library's bookkeeping for dead processes removes only its own live gauges."""
    MultiprocessPublisher(tmp_path, 0).publish(families())
    before = samples(merged(tmp_path))
    for pid in (0, 1):
        mark_process_dead(pid, str(tmp_path))  # type: ignore[no-untyped-call]
    assert samples(merged(tmp_path)) == before


def test_a_scrape_never_reads_half_a_file(tmp_path: Path) -> None:
    """Files appear under their name complete, and nothing else is left behind."""
    publisher = MultiprocessPublisher(tmp_path, 0)
    for _ in range(3):
        publisher.publish(families())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "counter_costmeter0.db",
        "gauge_mostrecent_costmeter0.db",
        "histogram_costmeter0.db",
    ]


PUBLISHES_ON_A_FULL_DISK = """
import os, sys
from pathlib import Path
from published import families
from vllm_costmeter.outputs.metrics.multiprocess import MultiprocessPublisher

disk = Path(sys.argv[1])
os.system(f"mount -t tmpfs -o size=64k none {disk}") and sys.exit("cannot mount")
publisher = MultiprocessPublisher(disk, 0)
with (disk / "filling").open("wb", buffering=0) as filling:
    try:
        while True:
            filling.write(bytes(4096))
    except OSError:
        filling.truncate(filling.tell() - 4096)  # room for one page
try:
    publisher.publish(families())
except OSError as fault:
    print(fault.strerror, sorted(file.name for file in disk.iterdir() if file.suffix != ".db"))
"""


def test_a_full_disk_is_an_error_and_not_the_end_of_the_process(tmp_path: Path) -> None:
    """The files are mapped into memory, where a page without room ends the process with SIGBUS: vLLM's API server."""
    unshare = required_tool("unshare")
    done = subprocess.run(
        [unshare, "-rm", sys.executable, "-c", PUBLISHES_ON_A_FULL_DISK, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if "cannot mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"this machine lets nobody mount a small disk: {done.stderr.strip()}")
    assert (done.returncode, done.stdout) == (0, "No space left on device ['filling']\n"), done.stderr
