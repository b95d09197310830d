"""The dashboard files, generated: what is committed under grafana/dashboards."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.cost import DASHBOARD as COST
from vllm_costmeter.outputs.dashboards.grafana_json import dashboard_json

DASHBOARDS = (COST,)


def dashboard_files() -> dict[str, str]:
    """Path below grafana/ -> content, for every dashboard."""
    return {f"dashboards/{dashboard.uid}.json": dashboard_json(dashboard) for dashboard in DASHBOARDS}
