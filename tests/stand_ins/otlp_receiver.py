"""OTLP receivers for metrics, over HTTP and gRPC, which decode with OpenTelemetry's own protobuf messages."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as service
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)

Key = tuple[str, tuple[tuple[str, str], ...]]
"""(metric, its attributes in order)."""


class Receiver:
    """What was received; `status` is what an HTTP receiver answers from now on."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.paths: list[str] = []
        self.status = 200
        self.url = ""
        self.arrived = threading.Event()

    def take(self, request: Any) -> None:
        self.requests.append(request)
        self.arrived.set()

    @property
    def resource(self) -> dict[str, str]:
        """Attributes of the latest request's resource."""
        return _attributes(self.requests[-1].resource_metrics[0].resource)

    @property
    def metrics(self) -> dict[str, Any]:
        """The latest request's metrics by name."""
        (scope,) = self.requests[-1].resource_metrics[0].scope_metrics
        return {metric.name: metric for metric in scope.metrics}

    def points(self) -> dict[Key, Any]:
        """All points of the latest request."""
        return {
            (name, tuple(sorted(_attributes(point).items()))): point
            for name, metric in self.metrics.items()
            for point in getattr(metric, metric.WhichOneof("data")).data_points
        }

    def values(self) -> dict[Key, float]:
        """The same as numbers; a histogram's is its sum."""
        return {
            key: point.sum if hasattr(point, "bucket_counts") else point.as_double or float(point.as_int)
            for key, point in self.points().items()
        }


def _attributes(holder: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in holder.attributes}


@contextmanager
def http_receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.paths.append(self.path)
            if receiver.status == 200:
                assert self.headers["Content-Type"] == "application/x-protobuf"
                receiver.take(service.ExportMetricsServiceRequest.FromString(body))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def grpc_receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Service(MetricsServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            receiver.take(request)
            return service.ExportMetricsServiceResponse()

    server = grpc.server(ThreadPoolExecutor(1))
    add_MetricsServiceServicer_to_server(Service(), server)  # type: ignore[no-untyped-call]
    receiver.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield receiver
    finally:
        server.stop(None).wait()
