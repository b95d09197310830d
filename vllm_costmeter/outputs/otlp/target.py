"""Where metrics are pushed to, and over which protocol; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple, cast, get_args
from urllib.parse import urlsplit

from vllm_costmeter.core.errors import BadInputError

Protocol = Literal["http/protobuf", "grpc"]

GRPC_PORT = 4317
"""OTLP's registered port for gRPC; 4318 is HTTP's (the OTLP specification 1.10, read 2026-11)."""
DEFAULT_INTERVAL_SECONDS = 60.0  # OTEL_METRIC_EXPORT_INTERVAL's default, in milliseconds there
METRICS, ANY, TRACES = (f"OTEL_EXPORTER_OTLP_{signal}PROTOCOL" for signal in ("METRICS_", "", "TRACES_"))


class OtlpTarget(NamedTuple):
    endpoint: str
    protocol: Protocol
    is_stated: bool
    """Whether our own setting names it; else it is where vLLM sends its traces."""

    @property
    def address(self) -> str:
        """The endpoint for people: without the user, the password and the query that vLLM's own may have."""
        return re.sub(r"^(\w+://)?[^/]*@", r"\1", self.endpoint.partition("?")[0])


def otlp_target(
    setting: str | None, traces_endpoint: str | None, environ: Mapping[str, str]
) -> OtlpTarget | None:
    """None if nothing is to be pushed. BadInputError for a protocol that OpenTelemetry for Python lacks.

    `setting`: an address or "off". Without a protocol variable, an address with port 4317 is gRPC, as any address of
    `--otlp-traces-endpoint` is to vLLM (0.17 to 0.33); all others are HTTP, OpenTelemetry's default.
    """
    endpoint = setting or traces_endpoint
    if not endpoint or setting == "off":
        return None
    is_stated = setting is not None
    chosen = environ.get(METRICS) or environ.get(ANY if is_stated else TRACES)
    default = "grpc" if not is_stated or _port(endpoint) == GRPC_PORT else "http/protobuf"
    protocol = (chosen or default).strip().lower()
    if protocol not in get_args(Protocol):
        raise BadInputError(f"OTLP protocol {protocol!r:.40} is not {' or '.join(get_args(Protocol))}")
    return OtlpTarget(
        _metrics_url(endpoint) if protocol != "grpc" else endpoint, cast(Protocol, protocol), is_stated
    )


def interval_seconds(environ: Mapping[str, str]) -> float:
    """From OTEL_METRIC_EXPORT_INTERVAL, 1 s at least; the default for anything that is not a number."""
    try:
        given = float(environ.get("OTEL_METRIC_EXPORT_INTERVAL", "")) / 1000
    except ValueError:
        return DEFAULT_INTERVAL_SECONDS
    return max(given, 1.0) if given < 86_400 else DEFAULT_INTERVAL_SECONDS


def _metrics_url(endpoint: str) -> str:
    """With the path for metrics, where the address has none or that for traces; any other path is kept."""
    bare = endpoint.rstrip("/")
    if bare.endswith("/v1/traces"):
        return f"{bare.removesuffix('traces')}metrics"
    return endpoint if urlsplit(endpoint).path.strip("/") else f"{bare}/v1/metrics"


def _port(endpoint: str) -> int | None:
    try:
        return urlsplit(endpoint).port
    except ValueError:
        return None
