"""The committed dashboards are the generated ones."""

from __future__ import annotations

from pathlib import Path

from vllm_costmeter.outputs.dashboards.files import dashboard_files

GRAFANA = Path(__file__).resolve().parents[3] / "grafana"


def test_committed_dashboards_are_what_the_code_generates() -> None:
    """`costmeter dashboard generate grafana` changes nothing: nobody edited a file, nobody forgot to generate."""
    committed = {f"dashboards/{path.name}": path.read_text() for path in (GRAFANA / "dashboards").iterdir()}
    assert committed == dashboard_files()
