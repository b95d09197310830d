"""Whether the meter is on, and how what the command line decided travels to vLLM's child processes.

Children inherit the environment, so private variables carry the decision; they start with an underscore because
`COSTMETER_*` belongs to the user. This file is read in every process of every vLLM beside which the package is
installed, most of which did not ask for it: it imports what vLLM has loaded already and nothing else.
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
    """On when asked for: `--plugin costmeter`, any of its flags, `--additional-config.costmeter`, or `VLLM_PLUGINS`
    naming it. Merely installed, with `VLLM_PLUGINS` unset, the package offers its flags and does nothing else."""
    named = [name.strip() for name in environ.get("VLLM_PLUGINS", "").split(",")]
    configured = bool(additional_config) and NAME in (additional_config or {})
    return NAME in requested_plugins(environ) or NAME in named or FLAGS in environ or configured
