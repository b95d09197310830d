"""Pushing over OTLP: a receiver that is dead, hangs or refuses costs an error count and one line."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from otlp_receiver import http_receiver

from vllm_costmeter.metering.otlp_pusher import OtlpPusher
from vllm_costmeter.outputs.metrics.prometheus import Metric
from vllm_costmeter.outputs.otlp.exporter import OtlpExporter
from vllm_costmeter.outputs.otlp.target import OtlpTarget


class Counting:
    """A page with one counter, which rises at each look."""

    def __init__(self) -> None:
        self.tokens = 0

    def __call__(self) -> list[Metric]:
        self.tokens += 100
        metric = Metric("costmeter_tokens", "", "counter")
        metric.add_sample("costmeter_tokens_total", {"model_name": "m", "kind": "generated"}, self.tokens)
        return [metric]


class Log:
    """What a pusher tells and counts."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.faults = 0

    def fault(self) -> None:
        self.faults += 1


def pusher(
    url: str, log: Log, scrape: Callable[[], list[Metric]], interval: float = 0.02, *, is_stated: bool = True
) -> OtlpPusher:
    target = OtlpTarget(f"{url}/v1/metrics", "http/protobuf", True)
    return OtlpPusher(
        lambda: OtlpExporter(target, {}, "1"),
        scrape,
        interval_seconds=interval,
        on_fault=log.fault,
        tell=log.lines.append,
        started_unix_nanoseconds=1,
        is_stated=is_stated,
    )


def wait(wanted: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_page_is_pushed_again_and_again_and_once_more_at_the_end() -> None:
    log, page = Log(), Counting()
    with http_receiver() as receiver:
        running = pusher(receiver.url, log, page)
        running.start()
        wait(lambda: len(receiver.requests) >= 3)
        running.stop()
        (value,) = receiver.values().values()
    assert value == page.tokens
    assert set(receiver.paths) == {"/v1/metrics"}
    assert (log.faults, log.lines) == (0, [])


def test_a_receiver_that_refuses_is_one_line_and_what_it_missed_comes_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is queued: values are sums since the start."""
    log, page = Log(), Counting()
    with http_receiver() as receiver, caplog.at_level(logging.DEBUG, "opentelemetry"):
        receiver.status = 404
        running = pusher(receiver.url, log, page)
        running.start()
        wait(lambda: log.faults >= 3)
        assert len(log.lines) == 1
        assert "404" in log.lines[0]
        receiver.status = 200
        wait(lambda: len(receiver.requests) > 0)
        assert min(receiver.values().values()) >= 400
        running.stop()
    assert [record.message for record in caplog.records if "Failed to export" in record.message] == []


def test_a_receiver_of_traces_that_takes_no_metrics_is_left_alone() -> None:
    """vLLM's endpoint may be Jaeger: that is no fault, is said once, and nothing is pushed again."""
    log = Log()
    with http_receiver() as receiver:
        receiver.status = 404
        running = pusher(receiver.url, log, Counting(), is_stated=False)
        running.start()
        wait(lambda: len(log.lines) == 1)
        running.stop()
        assert len(receiver.paths) == 1
    assert "takes no metrics" in log.lines[0]
    assert log.faults == 0


def test_nobody_there_is_counted_and_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = Log()
    running = pusher(f"http://127.0.0.1:{port}", log, Counting())
    running.start()
    wait(lambda: log.faults >= 2)
    running.stop()
    assert len(log.lines) == 1
    assert log.lines[0].startswith("metrics could not be pushed over OTLP: ")


def test_a_receiver_that_hangs_does_not_hold_the_end_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left behind on its thread."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3")
    monkeypatch.setattr("vllm_costmeter.metering.otlp_pusher.LAST_PUSH_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        running = pusher(f"http://127.0.0.1:{silent.getsockname()[1]}", Log(), Counting())
        running.start()
        silent.accept()
        running.stop()  # returns
        (left,) = [thread for thread in threading.enumerate() if thread.name == "costmeter-otlp"]
    left.join()


def test_a_page_that_cannot_be_read_is_counted() -> None:
    def broken() -> list[Metric]:
        raise OSError("no directory")

    log = Log()
    with http_receiver() as receiver:
        running = pusher(receiver.url, log, broken)
        running.start()
        wait(lambda: log.faults >= 2)
        running.stop()
    assert len(log.lines) == 1
    assert "no directory" in log.lines[0]


def test_opentelemetry_that_is_not_installed_says_what_to_install() -> None:
    def connect() -> OtlpExporter:
        raise ImportError("No module named 'opentelemetry'")

    log = Log()
    running = OtlpPusher(
        connect,
        Counting(),
        interval_seconds=0.02,
        on_fault=log.fault,
        tell=log.lines.append,
        started_unix_nanoseconds=1,
    )
    running.start()
    wait(lambda: log.faults >= 2)
    running.stop()
    assert len(log.lines) == 1
    assert "pip install 'vllm-costmeter[otlp]'" in log.lines[0]
