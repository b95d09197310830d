"""What comes over HTTP: pages of metrics, answers of other servers, requests of clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.fuzz.reader import ROOT, Reader, text_of, written
from vllm_costmeter.core.engines.known import ENGINES
from vllm_costmeter.outputs.requests.request_files import RequestFiles
from vllm_costmeter.outputs.requests.usage_cost import cost_member, event_with_cost, with_cost
from vllm_costmeter.plugin.serving.requests.api_keys import may_pass
from vllm_costmeter.plugin.serving.requests.identity import TrustedPeers, of_api_key, of_body, of_header
from vllm_costmeter.sources.engines.read import read_sample
from vllm_costmeter.sources.files.error_body import error_text
from vllm_costmeter.sources.gpu.dcgm_page import exported_gpus
from vllm_costmeter.sources.servers import page_data as live_page
from vllm_costmeter.sources.servers import prometheus, timelines
from vllm_costmeter.sources.servers.metrics_text import parse_page
from vllm_costmeter.sources.servers.reading import reading_of
from vllm_costmeter.sources.targets.engine_pages import EnginePages
from vllm_costmeter.sources.targets.kubernetes_pods import PodTargets

PAGES = (
    "engines/llama.cpp_0.2.8_load.txt",
    "engines/sglang_0.5.17_load.txt",
    "engines/vllm_0.32.0_two-api-servers_load.txt",
    "engines/vllm-rust_0.25.1_load.txt",
    "exposition/everything.prom",
)
"""They run every line of these readers that all recorded pages run."""
SERIES_OF_A_METRIC = 3


def _pages() -> list[bytes]:
    return [_thinned((ROOT / "tests/data" / name).read_text("utf-8")).encode() for name in PAGES]


def _thinned(page: str) -> str:
    """The first series of each metric: a page has hundreds that differ in a label's value."""
    kept, seen = [], Counter[str]()
    for line in page.splitlines(keepends=True):
        metric = line.partition("{")[0].partition(" ")[0]
        seen[metric] += 1
        if line.startswith("#") or seen[metric] <= SERIES_OF_A_METRIC:
            kept.append(line)
    return "".join(kept)


class _Answers:
    """In place of HttpPages: every address answers the same."""

    def __init__(self, text: str) -> None:
        self._text = text

    def get(self, path: str | None = None) -> tuple[str, Mapping[str, str]]:
        return self._text, {}

    def close(self) -> None:
        """Nothing was opened."""


def _page(data: bytes, folder: Path) -> None:
    page = parse_page(text_of(data), "http://s/metrics")
    reading_of(page, "all", "5m")
    len(exported_gpus(page.samples))


def _engine_page(data: bytes, folder: Path) -> None:
    read_sample(text_of(data), {}, "http://s/metrics")


def _engine_answer(data: bytes, folder: Path) -> None:
    pages = EnginePages(_Answers(text_of(data)), "http://s/metrics")  # type: ignore[arg-type]
    for engine in ENGINES:
        for path in filter(None, (engine.model_at, engine.sleep_at)):
            pages._asked(path)


def _prometheus(data: bytes, folder: Path) -> None:
    real = prometheus.fetch_text
    prometheus.fetch_text = lambda *_, **__: text_of(data)
    try:
        if b"matrix" in data[:200]:
            timelines.timelines("http://p:9090", 1_795_262_400, 1_795_262_400 + 3600)
        else:
            prometheus.query("http://p:9090", "up")
            prometheus.served_over("http://p:9090", "1d")
            timelines.gpu_names("http://p:9090", "1d")
    finally:
        prometheus.fetch_text = real


def _live_page(data: bytes, folder: Path) -> None:
    real = live_page.HttpPages
    live_page.HttpPages = lambda *_, **__: _Answers(text_of(data))  # type: ignore[assignment, misc]
    try:
        live_page.page_data("http://s/costmeter/data")
    finally:
        live_page.HttpPages = real  # type: ignore[misc]


def _error(data: bytes, folder: Path) -> None:
    error_text(data)


def _pods(data: bytes, folder: Path) -> None:
    pods = PodTargets({}, selector="a=b", namespace="d", port=None, api="http://k:8001", account=folder)
    pods._pages = _Answers(text_of(data))  # type: ignore[assignment]
    pods()


def _headers(data: bytes, folder: Path) -> None:
    lines = [line.partition(b":") for line in data.split(b"\n")]
    headers = [(name.strip().lower(), value.strip()) for name, _, value in lines]
    scope: dict[str, Any] = {"type": "http", "headers": headers, "client": (text_of(data[:40]), 1)}
    TrustedPeers(("10.0.0.0/8", "::1/128")).trusts(scope)
    of_api_key(scope, b"secret")
    of_header(scope, b"x-tenant")
    may_pass(("key",), next((text_of(value) for name, value in headers if name == b"authorization"), ""))


def _body(data: bytes, folder: Path) -> None:
    of_body(data)


def _answer(data: bytes, folder: Path) -> None:
    cost = cost_member(1.2e-5)
    with_cost(data, cost)
    with_cost(data, cost, 2)
    event_with_cost(data, cost)


def _request_file(data: bytes, folder: Path) -> None:
    written(folder, "costmeter_requests_0_0.jsonl", data)
    RequestFiles(folder, 1).find("cmpl-1", 1.8e9)


PROMETHEUS = ("sources/servers/prometheus.py", "sources/servers/timelines.py")
PODS = "sources/targets/kubernetes_pods.py"
SERVERS = (
    Reader(
        "metrics",
        "pages of metrics",
        _page,
        ("tests/data/dcgm/*.txt",),
        _pages,
        ("sources/servers/metrics_text.py",),
    ),
    Reader("engine-page", "an engine's page of metrics", _engine_page, built=_pages),
    Reader(
        "engine-answer",
        "other routes of an engine (JSON)",
        _engine_answer,
        parses=("sources/targets/engine_pages.py",),
    ),
    Reader("prometheus", "answers of Prometheus", _prometheus, parses=PROMETHEUS),
    Reader("live-page", "the data of a live page", _live_page, parses=("sources/servers/page_data.py",)),
    Reader("error-body", "bodies of errors", _error, parses=("sources/files/error_body.py",)),
    Reader(
        "pods",
        "the Kubernetes API's list of pods",
        _pods,
        ("tests/data/kubernetes_pods.json",),
        parses=(PODS,),
    ),
    Reader("request-headers", "headers of requests", _headers),
    Reader("request-body", "bodies of requests", _body, parses=("plugin/serving/requests/body_text.py",)),
    Reader("answer-body", "answers that get a price", _answer, parses=("outputs/requests/usage_cost.py",)),
    Reader(
        "request-file",
        "ended requests of other processes",
        _request_file,
        parses=("core/requests/request_lines.py",),
    ),
)
