"""The endpoint plugin: `GET /costmeter` on vLLM's own port returns the meter's current state as JSON."""

from __future__ import annotations

import logging
from argparse import Namespace
from typing import Any

from vllm_costmeter.outputs.metrics.status_json import status
from vllm_costmeter.plugin.activation import NAME
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.attaching import attach

log = logging.getLogger("vllm.costmeter")


class CostMeterEndpoints:
    """vLLM's interface for endpoint plugins (`vllm/plugins/endpoint_plugins/interface.py`, since 0.26)."""

    name = NAME
    required_tasks = None

    def attach_router(self, app: Any) -> None:
        def costmeter() -> dict[str, Any]:
            """Not `async`: it reads files if several API processes share /metrics, so it runs in the thread pool.
            An error is counted and returns status 500, on this path only."""
            try:
                return status()
            except Exception:
                FAULTS.add("endpoint")
                raise

        try:
            app.add_api_route(
                f"/{NAME}", costmeter, methods=["GET"], tags=[NAME], summary="Current cost, tokens and memory"
            )
        except Exception:
            FAULTS.add("endpoint")
            log.exception("costmeter: /%s could not be added; the server continues without it", NAME)
        attach(app)

    async def init_state(self, engine_client: Any, state: Any, args: Namespace) -> None:
        """We store nothing in the app's state."""
