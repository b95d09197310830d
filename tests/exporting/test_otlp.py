"""What `costmeter exporter` says about where it pushes to."""

from __future__ import annotations

from vllm_costmeter.exporting.beginning import Terms
from vllm_costmeter.exporting.exporter import Exporter
from vllm_costmeter.exporting.otlp import chosen_pusher


def test_a_key_in_the_address_is_not_told() -> None:
    """Receivers take keys in the query; a log is no place for them."""
    told: list[str] = []
    exporter = Exporter(Terms(settings=lambda _: None, pages=lambda _: None), told.append)  # type: ignore[arg-type,return-value]
    chosen_pusher(exporter, "https://push.example/v1/metrics?api-key=hunter2", {}, told.append)
    assert told == ["metrics are pushed to https://push.example/v1/metrics (http/protobuf)"]
