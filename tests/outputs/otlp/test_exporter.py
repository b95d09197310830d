"""Every metric over OTLP, received by real receivers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from published import families

from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.prometheus import CollectorRegistry, Metric
from vllm_costmeter.outputs.metrics.table import BY_NAME, METRICS
from vllm_costmeter.outputs.otlp.names import otel_attributes, otel_metric
from vllm_costmeter.outputs.otlp.points import Streams

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")

from otlp_receiver import Key, Receiver, grpc_receiver, http_receiver

from vllm_costmeter.outputs.otlp.exporter import OtlpExporter
from vllm_costmeter.outputs.otlp.target import otlp_target

START, NOW = 1_790_000_000_000_000_000, 1_790_000_060_000_000_000
CUMULATIVE = 2  # AggregationTemporality of metrics.proto


def page() -> list[Metric]:
    """What a scrape reads when everything is known."""
    registry = CollectorRegistry()
    LatestCollector(registry).publish(families())
    return list(registry.collect())


def shown(metrics: list[Metric]) -> dict[Key, float]:
    """The page's values under the names they have over OTLP; histograms' sums."""
    found = {}
    for sample in itertools.chain.from_iterable(metric.samples for metric in metrics):
        row = BY_NAME.get(sample.name.removesuffix("_sum"))
        if row is not None:
            metric = otel_metric(row)
            attributes = otel_attributes(sample.labels, metric)
            found[metric.name, tuple(sorted(attributes.items()))] = sample.value
    return found


def exporter(receiver: Receiver, protocol: str = "http/protobuf") -> OtlpExporter:
    target = otlp_target(receiver.url, None, {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol})
    assert target is not None
    return OtlpExporter(target, {"service.name": "vllm", "gen_ai.request.model": "m"}, "1.2.3")


@pytest.mark.parametrize(
    ("receiving", "protocol"),
    [(http_receiver, "http/protobuf"), (grpc_receiver, "grpc")],
    ids=["http", "grpc"],
)
def test_a_receiver_gets_every_number_of_the_page(
    receiving: Callable[[], AbstractContextManager[Receiver]], protocol: str
) -> None:
    """The same values, no metric of the table is missing, and each has its unit."""
    metrics = page()
    with receiving() as receiver:
        sent = exporter(receiver, protocol)
        assert sent.send(Streams(START).points(metrics, NOW), NOW) is None
        assert receiver.values() == shown(metrics)
        assert receiver.metrics.keys() == {otel_metric(row).name for row in METRICS}
        for row in METRICS:
            metric = otel_metric(row)
            assert receiver.metrics[metric.name].unit == metric.unit
            assert receiver.metrics[metric.name].description == row.help
        sent.close()


def test_counters_are_cumulative_from_the_meters_start_and_gauges_are_not_sums() -> None:
    with http_receiver() as receiver:
        exporter(receiver).send(Streams(START).points(page(), NOW), NOW)
        cost, power = receiver.metrics["costmeter.cost"], receiver.metrics["hw.power"]
        memory = receiver.metrics["hw.gpu.memory.usage"]
    assert (cost.sum.is_monotonic, cost.sum.aggregation_temporality) == (True, CUMULATIVE)
    assert (memory.sum.is_monotonic, memory.sum.aggregation_temporality) == (False, CUMULATIVE)
    assert power.WhichOneof("data") == "gauge"
    for point in cost.sum.data_points:
        assert (point.start_time_unix_nano, point.time_unix_nano) == (START, NOW)


def test_a_histograms_buckets_are_its_own_counts() -> None:
    """Prometheus accumulates them, OTLP does not; smallest and largest are unknown and absent."""
    (cost,) = [metric for metric in page() if metric.name == "costmeter_request_cost_usd"]
    cumulative = [sample.value for sample in cost.samples if sample.name.endswith("_bucket")]
    with http_receiver() as receiver:
        exporter(receiver).send(Streams(START).points(page(), NOW), NOW)
        (point,) = receiver.metrics["costmeter.request_cost"].histogram.data_points
    assert list(itertools.accumulate(point.bucket_counts)) == cumulative
    assert point.count == cumulative[-1]
    assert len(point.explicit_bounds) == len(point.bucket_counts) - 1
    assert not point.HasField("min")
    assert not point.HasField("max")


def test_a_value_that_fell_starts_a_new_sum() -> None:
    """A process of the server began anew: what it counts is since the last push, not since the meter's start."""
    streams = Streams(START)
    low, high = Metric("costmeter_tokens", "", "counter"), Metric("costmeter_tokens", "", "counter")
    high.add_sample("costmeter_tokens_total", {"model_name": "m", "kind": "generated"}, 500)
    low.add_sample("costmeter_tokens_total", {"model_name": "m", "kind": "generated"}, 20)
    starts = [
        streams.points([metric], now)[0][2][0].start_unix_nanoseconds
        for metric, now in ((high, NOW), (high, NOW + 60), (low, NOW + 120), (high, NOW + 180))
    ]
    assert starts == [START, START, NOW + 60, NOW + 60]


def test_the_resource_names_the_server_and_the_operators_variables_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with http_receiver() as receiver:
        exporter(receiver).send([], NOW)
        plain = receiver.resource
        monkeypatch.setenv("OTEL_SERVICE_NAME", "chat")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod")
        exporter(receiver).send([], NOW)
        named = receiver.resource
    assert (plain["service.name"], plain["gen_ai.request.model"]) == ("vllm", "m")
    assert (named["service.name"], named["deployment.environment.name"]) == ("chat", "prod")
    assert len(plain["service.instance.id"]) == 36


def test_the_command_line_is_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry's `process` detector reads it, and `--api-key` may be on it; the rest of what it finds is sent."""
    monkeypatch.setenv("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "process,otel")
    with http_receiver() as receiver:
        exporter(receiver).send([], NOW)
        names = receiver.resource
    assert "process.pid" in names
    assert [name for name in names if name.startswith("process.command")] == []
