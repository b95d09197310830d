"""The desk of a server that follows its requests."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.metering.request_keeper import RequestKeeper
from vllm_costmeter.outputs.requests.request_files import RequestFiles
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.attaching import attach_to_next_app, follow
from vllm_costmeter.plugin.serving.requests.desk import RequestDesk
from vllm_costmeter.plugin.serving.requests.following import follow_requests
from vllm_costmeter.plugin.serving.requests.prices import RequestPrices
from vllm_costmeter.plugin.serving.requests.span_cost import add_cost_to_spans
from vllm_costmeter.plugin.starting.server_settings import chosen_settings
from vllm_costmeter.sources.files.ledger_path import OFF, default_ledger
from vllm_costmeter.sources.files.tenant_secret import tenant_secret
from vllm_costmeter.sources.vllm.config import ServerShape

log = logging.getLogger("vllm.costmeter")


def opened_desk(vllm_config: Any, shape: ServerShape) -> RequestDesk | None:
    """None if no setting needs to know which request is whose: then nothing of vLLM is touched."""
    try:
        settings = chosen_settings(vllm_config.additional_config)
    except BadInputError:
        return None  # told where the price is chosen
    if not settings.tenant_from and settings.request_price == "off":
        return None
    FAULTS.expect(("request",))
    prices = _prices(settings, shape) if settings.request_price != "off" else None
    desk = RequestDesk(settings, lambda: _secret(settings), prices)
    if prices is not None:
        add_cost_to_spans(prices.of_sequence)
    follow_requests(desk)
    follow(desk)
    attach_to_next_app()
    return desk


def _prices(settings: Settings, shape: ServerShape) -> RequestPrices:
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    several = shared is not None and shape.api_process_count > 1
    files = RequestFiles(Path(shared), shape.api_process_rank) if shared and several else None
    engines = len(shape.engine_indexes)
    return RequestPrices(
        settings.request_price, RequestKeeper(files), model=shape.model_name, engines=engines
    )


def _secret(settings: Settings) -> bytes:
    folders = []
    if settings.ledger != OFF:
        folders.append(
            (default_ledger() if settings.ledger is None else Path(settings.ledger).expanduser()).parent
        )
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if shared:
        folders.append(Path(shared))
    found = tenant_secret(folders)
    if found is None:
        log.warning(
            "costmeter: no folder can keep the secret that tenants' names are hashed with, so their hashes change with "
            "each start; --costmeter-ledger PATH in a folder that can be written keeps it"
        )
        return secrets.token_bytes(32)
    return found
