"""The live page of `costmeter exporter`, at the same paths as on a server with the plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vllm_costmeter.exporting.exporter import Exporter
from vllm_costmeter.outputs.metrics.http_server import Route
from vllm_costmeter.outputs.page.answers import page_data, page_or_status
from vllm_costmeter.outputs.page.data import SCHEMA, metrics_json

PATH = "/costmeter"


def page_routes(exporter: Callable[[], Exporter]) -> Mapping[str, Route]:
    """The page of all its targets, and what it draws; the exporter is asked for at each request."""

    def status() -> dict[str, object]:
        return {"schema": SCHEMA, "metrics": metrics_json(exporter().samples())}

    return {
        PATH: lambda may_pass, accept, query: page_or_status(may_pass, accept, status),
        f"{PATH}/data": lambda may_pass, accept, query: page_data(may_pass, query, exporter().live.data),
    }
