"""The settings of this server: read and validated once before the start, and the same in all its processes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, MutableMapping
from typing import Any

from vllm_costmeter.core.dataclass import asdict
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.settings.table import BY_KEY, Settings
from vllm_costmeter.plugin.activation import NAME, RESOLVED, given_flags
from vllm_costmeter.sources.files.settings import read_settings

CATALOGUE_VARIABLE = BY_KEY["catalogue"].environment_variable


def chosen_settings(additional_config: Mapping[str, Any] | None) -> Settings:
    """This server's settings from all sources. Raises BadInputError.

    Read once: child processes use exactly what was validated before the start, even if the file changes.
    """
    remembered = remembered_settings()
    if remembered is not None:
        return remembered
    flags = given_flags()
    config = flags.pop("config", None)
    additional = (additional_config or {}).get(NAME)
    if additional is not None and not isinstance(additional, dict):
        raise BadInputError(f"--additional-config.{NAME} must be an object, got {additional!r:.60}")
    settings = read_settings(os.environ, flags, additional, config)
    remember_settings(settings)
    if settings.catalogue is not None:
        os.environ[CATALOGUE_VARIABLE] = settings.catalogue
    return settings


def remember_settings(settings: Settings, environ: MutableMapping[str, str] = os.environ) -> None:
    """Store validated settings where child processes find them."""
    environ[RESOLVED] = json.dumps(asdict(settings))


def remembered_settings(environ: Mapping[str, str] = os.environ) -> Settings | None:
    """The settings this server was started with; None if the start did not pass through our hook."""
    text = environ.get(RESOLVED)
    if text is None:
        return None
    values: dict[str, Any] = json.loads(text)
    values |= {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
    return Settings(**values)
