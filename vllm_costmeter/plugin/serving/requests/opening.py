"""The desk of a server that follows its requests."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.requests.attaching import attach_to_next_app
from vllm_costmeter.plugin.serving.requests.desk import RequestDesk
from vllm_costmeter.plugin.serving.requests.following import follow_requests
from vllm_costmeter.plugin.starting.server_settings import chosen_settings
from vllm_costmeter.sources.files.ledger_path import OFF, default_ledger
from vllm_costmeter.sources.files.tenant_secret import tenant_secret

log = logging.getLogger("vllm.costmeter")


def opened_desk(vllm_config: Any) -> RequestDesk | None:
    """None if no setting needs to know which request is whose: then nothing of vLLM is touched."""
    try:
        settings = chosen_settings(vllm_config.additional_config)
    except BadInputError:
        return None  # told where the price is chosen
    if not settings.tenant_from:
        return None
    FAULTS.expect(("request",))
    desk = RequestDesk(settings, lambda: _secret(settings))
    follow_requests(desk)
    attach_to_next_app(desk)
    return desk


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
