"""Sends points with OpenTelemetry's own SDK and exporters: the only file that imports them.

They are the extra `otlp`, and vLLM 0.17 to 0.33 requires them itself. Headers, certificates, compression and time-outs
come from OpenTelemetry's environment variables, OTEL_EXPORTER_OTLP_*.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vllm_costmeter.outputs.otlp.names import OtelMetric
from vllm_costmeter.outputs.otlp.points import Buckets, Point
from vllm_costmeter.outputs.otlp.target import OtlpTarget

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.resources import Resource

Points = Iterable[tuple[OtelMetric, str, list[Point]]]
SCOPE = "vllm_costmeter"
LOGGERS = (
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
)


class OtlpExporter:
    """One connection. `send` blocks for as long as OTEL_EXPORTER_OTLP_TIMEOUT allows (10 s)."""

    def __init__(self, target: OtlpTarget, attributes: Mapping[str, str], version: str) -> None:
        """`attributes`: of the resource; those in OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME go before them.
        ImportError if OpenTelemetry is not installed."""
        self._exporter = _exporter(target)
        self._resource = _resource(attributes)
        self._version = version

    def send(self, points: Points, unix_nanoseconds: int) -> str | None:
        """Push all points as one request; the reason in one line if they were not accepted. Never raises."""
        from opentelemetry.sdk.metrics.export import MetricExportResult

        with _own_log_lines() as lines:
            try:
                result = self._exporter.export(self._request(points, unix_nanoseconds))
            except Exception as fault:  # noqa: BLE001 a client library's fault costs only this push
                return f"{type(fault).__name__}: {fault}"
        if result is MetricExportResult.SUCCESS:
            return None
        return lines[-1] if lines else "not accepted"

    def close(self) -> None:
        """Ends a wait between retries too."""
        with _own_log_lines(), contextlib.suppress(Exception):
            self._exporter.shutdown()

    def _request(self, points: Points, unix_nanoseconds: int) -> Any:
        from opentelemetry.sdk.metrics.export import Metric, MetricsData, ResourceMetrics, ScopeMetrics
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        metrics = [
            Metric(metric.name, help, metric.unit, _data(metric, found, unix_nanoseconds))
            for metric, help, found in points
        ]
        scope = ScopeMetrics(InstrumentationScope(SCOPE, self._version), metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])


def _data(metric: OtelMetric, points: list[Point], now: int) -> Any:
    from opentelemetry.sdk.metrics import export

    def number(point: Point) -> Any:
        return export.NumberDataPoint(
            attributes=point.attributes,
            start_time_unix_nano=point.start_unix_nanoseconds,
            time_unix_nano=now,
            value=point.value,  # type: ignore[arg-type]
        )

    cumulative = export.AggregationTemporality.CUMULATIVE
    match metric.instrument:
        case "gauge":
            return export.Gauge([number(point) for point in points])
        case "histogram":
            return export.Histogram([_histogram(point, now) for point in points], cumulative)
        case kind:
            return export.Sum([number(point) for point in points], cumulative, kind == "counter")


def _histogram(point: Point, now: int) -> Any:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint

    assert isinstance(point.value, Buckets)
    unknown: Any = None
    return HistogramDataPoint(
        attributes=point.attributes,
        start_time_unix_nano=point.start_unix_nanoseconds,
        time_unix_nano=now,
        count=sum(point.value.counts),
        sum=point.value.sum,
        bucket_counts=point.value.counts,
        explicit_bounds=point.value.bounds,
        min=unknown,
        max=unknown,
    )


def _exporter(target: OtlpTarget) -> MetricExporter:
    if target.protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as Grpc

        return Grpc(endpoint=target.endpoint, insecure=not target.endpoint.lower().startswith("https://"))
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as Http

    return Http(endpoint=target.endpoint)


def _resource(attributes: Mapping[str, str]) -> Resource:
    """With what OpenTelemetry's variables and detectors add, but not the command line (its `process` detector's), which
    may have an API key in it."""
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource

    given = {
        name: value
        for name, value in Resource.create().attributes.items()
        if not name.startswith("process.command")
    }
    if str(given.get(SERVICE_NAME, "")).startswith("unknown_service"):
        del given[SERVICE_NAME]
    own = {"service.instance.id": str(uuid.uuid4()), "host.name": socket.gethostname(), **attributes}
    return Resource({**own, **given})


@contextlib.contextmanager
def _own_log_lines() -> Iterator[list[str]]:
    """What the exporters log on this thread meanwhile, instead of in the server's log, where each push would add to
    it. Lines of other threads, such as vLLM's trace exporter's, pass."""
    thread, lines = threading.get_ident(), list[str]()

    def passes(record: logging.LogRecord) -> bool:
        if record.thread != thread:
            return True
        lines[:] = [*lines[-9:], " ".join(record.getMessage().split())[:300]]
        return False

    for name in LOGGERS:
        logging.getLogger(name).addFilter(passes)
    try:
        yield lines
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(passes)
