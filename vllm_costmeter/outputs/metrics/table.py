"""Every metric the project publishes. The exporter, the documentation, the dashboards and the tests read this table."""

from __future__ import annotations

from vllm_costmeter.outputs.metrics.row import MetricRow
from vllm_costmeter.outputs.metrics.rows.cost import COST_METRICS
from vllm_costmeter.outputs.metrics.rows.energy import GPU_METRICS
from vllm_costmeter.outputs.metrics.rows.server import SERVER_METRICS
from vllm_costmeter.outputs.metrics.rows.tenants import TENANT_METRICS

METRICS: tuple[MetricRow, ...] = (*COST_METRICS, *GPU_METRICS, *SERVER_METRICS, *TENANT_METRICS)

BY_NAME: dict[str, MetricRow] = {row.name: row for row in METRICS}
