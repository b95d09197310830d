"""Two of OpenCost's metric names, recorded from the meter's counters, for dashboards that ask for them.

Only names that mean the same (OpenCost's metrics reference, read 2026-11-28): `container_gpu_allocation`, the GPUs that
a container holds, and `node_gpu_hourly_cost`, dollars an hour for one of them. A node's total cost, its number of GPUs,
CPU, memory and volumes are things that a server's meter does not know.
"""

from __future__ import annotations

from vllm_costmeter.outputs.rules.recording import COST, GPU_SECONDS, only_where
from vllm_costmeter.outputs.rules.rule import Group, Recording

HOLDER = "cluster, namespace, pod, container, node, instance"
"""The labels that OpenCost's container metrics have; those that the scrape does not set are left out."""
PLACE = "cluster, node, instance"


def opencost_group() -> Group:
    """Both names, over the last five minutes."""
    held, spent = f"rate({GPU_SECONDS}[5m])", f"rate({COST}[5m])"
    return Group(
        "costmeter_opencost_names",
        (
            Recording("container_gpu_allocation", f"sum by ({HOLDER}) ({held})"),
            Recording(
                "node_gpu_hourly_cost",
                f"3600 * sum by ({PLACE}) ({spent})\n/ (sum by ({PLACE}) ({held} {only_where(spent)}) > 0)",
            ),
        ),
    )
