"""Where metrics are pushed to."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.outputs.otlp.target import interval_seconds, otlp_target

HTTP, GRPC = "http/protobuf", "grpc"
TRACES = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"


@pytest.mark.parametrize(
    ("setting", "traces", "environ", "endpoint", "protocol"),
    [
        ("http://c:4318", None, {}, "http://c:4318/v1/metrics", HTTP),
        ("http://c:4318/", "grpc://t:4317", {}, "http://c:4318/v1/metrics", HTTP),
        ("https://c/otlp/v1/metrics", None, {}, "https://c/otlp/v1/metrics", HTTP),
        ("http://c:4317", None, {}, "http://c:4317", GRPC),
        ("http://c:9", None, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http://c:9", GRPC),
        (
            "http://c:4317",
            None,
            {"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": HTTP},
            "http://c:4317/v1/metrics",
            HTTP,
        ),
        (None, "http://t:4317", {}, "http://t:4317", GRPC),
        (None, "t:4317", {}, "t:4317", GRPC),
        (None, "http://t:4318/v1/traces", {TRACES: HTTP}, "http://t:4318/v1/metrics", HTTP),
        (None, "http://t:4318", {TRACES: HTTP}, "http://t:4318/v1/metrics", HTTP),
    ],
)
def test_the_setting_or_vllms_endpoint_names_the_receiver(
    setting: str | None, traces: str | None, environ: dict[str, str], endpoint: str, protocol: str
) -> None:
    """Our setting first; protocols as OpenTelemetry's variables say, else as vLLM takes its own flag."""
    target = otlp_target(setting, traces, environ)
    assert target is not None
    assert (target.endpoint, target.protocol) == (endpoint, protocol)


@pytest.mark.parametrize(("setting", "traces"), [(None, None), ("off", "http://t:4317")])
def test_nothing_is_pushed_where_nobody_asks_for_it(setting: str | None, traces: str | None) -> None:
    assert otlp_target(setting, traces, {}) is None


def test_a_protocol_that_opentelemetry_lacks_is_named() -> None:
    with pytest.raises(BadInputError, match="'http/json' is not http/protobuf or grpc"):
        otlp_target("http://c", None, {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"})


@pytest.mark.parametrize(
    ("given", "seconds"), [("5000", 5.0), ("", 60.0), ("x", 60.0), ("nan", 60.0), ("1", 1.0), ("1e99", 60.0)]
)
def test_the_interval_is_opentelemetrys_own_variable(given: str, seconds: float) -> None:
    assert interval_seconds({"OTEL_METRIC_EXPORT_INTERVAL": given}) == seconds


@pytest.mark.parametrize(
    ("endpoint", "shown"),
    [
        ("http://me:s3cret@t:4317", "http://t:4317"),
        ("me:s3@cret@t:4317", "t:4317"),
        ("https://t/v1/metrics?api-key=s3cret", "https://t/v1/metrics"),
        ("https://t/otlp@2/v1/metrics", "https://t/otlp@2/v1/metrics"),
    ],
)
def test_a_password_in_vllms_endpoint_is_not_shown(endpoint: str, shown: str) -> None:
    """vLLM's `--otlp-traces-endpoint` may have one; our log says where metrics go."""
    target = otlp_target(None, endpoint, {TRACES: HTTP})
    assert target is not None
    assert target.address.removesuffix("/v1/metrics") == shown.removesuffix("/v1/metrics")
