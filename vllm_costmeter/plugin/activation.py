"""Whether the meter is on, and how what the command line decided travels to vLLM's child processes.

Children inherit the environment, so three private variables carry the decision; they start with an underscore because
`COSTMETER_*` belongs to the user.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import asdict
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.settings import BY_KEY, Settings
from vllm_costmeter.sources.settings import read_settings

NAME = "costmeter"
REQUESTED = "_COSTMETER_REQUESTED_PLUGINS"
FLAGS = "_COSTMETER_FLAGS"
RESOLVED = "_COSTMETER_SETTINGS"
CATALOGUE_VARIABLE = BY_KEY["catalogue"].environment_variable


def requested_plugins(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The names given to `--plugin`, in order."""
    return tuple(name for name in environ.get(REQUESTED, "").split(",") if name)


def request_plugin(name: str, environ: MutableMapping[str, str] = os.environ) -> None:
    names = requested_plugins(environ)
    if name not in names:
        environ[REQUESTED] = ",".join((*names, name))


def given_flags(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The costmeter flags of this command line, by setting key (plus `config`)."""
    flags = json.loads(environ.get(FLAGS, "{}"))
    return flags if isinstance(flags, dict) else {}


def give_flag(key: str, value: str, environ: MutableMapping[str, str] = os.environ) -> None:
    environ[FLAGS] = json.dumps(given_flags(environ) | {key: value})


def is_on(
    additional_config: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ
) -> bool:
    """On when asked for: `--plugin costmeter`, any of its flags, `--additional-config.costmeter`, or `VLLM_PLUGINS`
    naming it. Merely installed, with `VLLM_PLUGINS` unset, the package offers its flags and does nothing else."""
    named = [name.strip() for name in environ.get("VLLM_PLUGINS", "").split(",")]
    configured = bool(additional_config) and NAME in (additional_config or {})
    return NAME in requested_plugins(environ) or NAME in named or FLAGS in environ or configured


def chosen_settings(additional_config: Mapping[str, Any] | None) -> Settings:
    """What this server was started with, from every place a setting can come from. Raises BadInputError.

    Remembered once read: children use exactly what was validated before the start, even when the file changes.
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
    """Put validated settings where children of this process find them."""
    environ[RESOLVED] = json.dumps(asdict(settings))


def remembered_settings(environ: Mapping[str, str] = os.environ) -> Settings | None:
    """The settings this server was started with; None where the start did not pass through our hook."""
    text = environ.get(RESOLVED)
    if text is None:
        return None
    values = json.loads(text)
    if values.get("electricity_tariff") is not None:
        values["electricity_tariff"] = tuple(values["electricity_tariff"])
    return Settings(**values)
