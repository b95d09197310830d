"""The collector on a process's registry."""

from __future__ import annotations

from published import families

from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.prometheus import CollectorRegistry


def test_a_scrape_reads_what_was_published_last() -> None:
    """Values, and cumulative buckets of the histogram."""
    registry = CollectorRegistry()
    LatestCollector(registry).publish(families())
    assert registry.get_sample_value("costmeter_energy_joules_total", {"gpu": "0"}) == 4500.0
    model = {"model_name": "org/model-8b"}
    assert registry.get_sample_value("costmeter_request_cost_usd_bucket", model | {"le": "1.0"}) == 5
    assert registry.get_sample_value("costmeter_request_cost_usd_bucket", model | {"le": "+Inf"}) == 6
    assert registry.get_sample_value("costmeter_request_cost_usd_count", model) == 6
    assert registry.get_sample_value("costmeter_request_cost_usd_sum", model) == 3.5


def test_a_sample_that_is_not_published_again_is_gone() -> None:
    """A driver that vanished leaves no stale figure."""
    registry = CollectorRegistry()
    collector = LatestCollector(registry)
    collector.publish(families())
    collector.publish([family for family in families() if "gpu" not in family.row.labels])
    assert registry.get_sample_value("costmeter_energy_joules_total", {"gpu": "0"}) is None


def test_a_scrape_may_publish_first() -> None:
    """What is published on the way shows on the same page."""
    registry = CollectorRegistry()
    collector = LatestCollector(registry)
    collector.before_scrape = lambda page: page.publish(families())
    assert registry.get_sample_value("costmeter_energy_joules_total", {"gpu": "0"}) == 4500.0


def test_before_the_first_publication_there_is_nothing() -> None:
    """And once unregistered there is nothing again."""
    registry = CollectorRegistry()
    collector = LatestCollector(registry)
    assert list(registry.collect()) == []
    collector.publish(families())
    collector.unregister()
    assert list(registry.collect()) == []


def test_a_scrape_that_fails_leaves_the_page_to_the_others() -> None:
    """A fault on the way costs our samples of this scrape, and is told."""
    registry, faults = CollectorRegistry(), []

    def broken(page: LatestCollector) -> None:
        raise OSError("no")

    collector = LatestCollector(registry, before_scrape=broken, on_fault=lambda: faults.append(1))
    collector.publish(families())
    assert list(registry.collect()) == []
    assert faults == [1]
