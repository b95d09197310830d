"""When a server pushes over OTLP, and where to."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")

from otlp_receiver import Receiver, grpc_receiver, http_receiver

from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.plugin.serving.otlp import push_over_otlp
from vllm_costmeter.sources.vllm.config import ServerShape

SHAPE = ServerShape("chat", (0,), 1, 1, None, False, 0, 1, None)


@pytest.fixture
def at_exit(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], None]]]:
    """What is registered for the end of the server; run at the end of the test."""
    registered: list[Callable[[], None]] = []
    monkeypatch.setattr(atexit, "register", registered.append)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "1000")
    yield registered
    for each in registered:
        each()


def config(traces_endpoint: str | None = None) -> Any:
    """A VllmConfig with that `--otlp-traces-endpoint`."""
    return SimpleNamespace(observability_config=SimpleNamespace(otlp_traces_endpoint=traces_endpoint))


def arrived(receiver: Receiver) -> dict[str, str]:
    """The first push's resource."""
    assert receiver.arrived.wait(30)
    return receiver.resource


def test_vllms_endpoint_for_traces_gets_the_metrics_too(at_exit: list[Callable[[], None]]) -> None:
    """Over gRPC, as vLLM sends its traces."""
    errors = ErrorCounts()
    with grpc_receiver() as receiver:
        push_over_otlp(Settings(), config(receiver.url), SHAPE, errors, started=1)
        resource = arrived(receiver)
        assert (resource["service.name"], resource["gen_ai.request.model"]) == ("vllm", "chat")
        at_exit.pop()()
    assert errors.counts()["otlp"] == 0


def test_our_own_setting_goes_before_it(at_exit: list[Callable[[], None]]) -> None:
    with http_receiver() as receiver:
        settings = Settings(otlp=receiver.url)
        push_over_otlp(settings, config("http://127.0.0.1:1"), SHAPE, ErrorCounts(), started=1)
        arrived(receiver)
        at_exit.pop()()


@pytest.mark.parametrize(("otlp", "traces"), [(None, None), ("off", "http://127.0.0.1:4317")])
def test_a_server_that_is_not_asked_pushes_nothing(
    at_exit: list[Callable[[], None]], otlp: str | None, traces: str | None
) -> None:
    errors = ErrorCounts()
    push_over_otlp(Settings(otlp=otlp), config(traces), SHAPE, errors, started=1)
    assert at_exit == []
    assert "otlp" not in errors.counts()


def test_a_protocol_that_cannot_be_spoken_is_one_line_and_the_meter_goes_on(
    at_exit: list[Callable[[], None]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
    push_over_otlp(Settings(otlp="http://c"), config(), SHAPE, ErrorCounts(), started=1)
    assert [record.message for record in caplog.records] == [
        "costmeter: OTLP protocol 'http/json' is not http/protobuf or grpc; metrics are not pushed over OTLP"
    ]
    assert at_exit == []
