"""The generated dashboard files, as committed under grafana/dashboards."""

from __future__ import annotations

from vllm_costmeter.outputs.dashboards.cost import DASHBOARD as COST
from vllm_costmeter.outputs.dashboards.fit_and_memory import DASHBOARD as FIT_AND_MEMORY
from vllm_costmeter.outputs.dashboards.fleet import DASHBOARD as FLEET
from vllm_costmeter.outputs.dashboards.grafana_json import dashboard_json

DASHBOARDS = (COST, FIT_AND_MEMORY, FLEET)


def dashboard_files() -> dict[str, str]:
    """Path below grafana/ -> content, for every dashboard."""
    return {f"dashboards/{dashboard.uid}.json": dashboard_json(dashboard) for dashboard in DASHBOARDS}
