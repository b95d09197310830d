"""The endpoint plugin: our routes on vLLM's own port, `GET /costmeter` first."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from vllm_costmeter.plugin.activation import NAME
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.attaching import attach


class CostMeterEndpoints:
    """vLLM's interface for endpoint plugins (`vllm/plugins/endpoint_plugins/interface.py`, since 0.26). Before, our
    routes are attached where the application is built (`attaching.py`)."""

    name = NAME
    required_tasks = None

    def attach_router(self, app: Any) -> None:
        """Never raises."""
        try:
            attach(app)
        except Exception:  # noqa: BLE001 (the call itself: what fails within is told there)
            FAULTS.add("request")

    async def init_state(self, engine_client: Any, state: Any, args: Namespace) -> None:
        """We store nothing in the app's state."""
