"""Whether the meter is on, and how that decision is passed from the command line to vLLM's child processes.

Child processes inherit the environment, so private variables carry the decision; they start with an underscore because
`COSTMETER_*` belongs to the user. This file is imported in every process of every vLLM in the same environment, most
of which do not use the meter: it only imports what vLLM has already loaded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, MutableMapping
from typing import Any

NAME = "costmeter"
REQUESTED = "_COSTMETER_REQUESTED_PLUGINS"
FLAGS = "_COSTMETER_FLAGS"
RESOLVED = "_COSTMETER_SETTINGS"
BOOT_FOLDER = "_COSTMETER_BOOT_FOLDER"


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
    """On with `--plugin costmeter`, any of its flags, `--additional-config.costmeter`, or costmeter in `VLLM_PLUGINS`.
    If it is only installed, with `VLLM_PLUGINS` unset, the package adds its flags and does nothing else."""
    named = [name.strip() for name in environ.get("VLLM_PLUGINS", "").split(",")]
    configured = bool(additional_config) and NAME in (additional_config or {})
    return NAME in requested_plugins(environ) or NAME in named or FLAGS in environ or configured
