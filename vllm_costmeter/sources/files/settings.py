"""Settings from the environment and a TOML file, as layers for `core.settings.resolve`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.settings.layers import SettingsLayer, resolve
from vllm_costmeter.core.settings.table import BY_KEY, SETTINGS, Settings
from vllm_costmeter.sources.files.toml import read_toml

PREFIX = "COSTMETER_"
CONFIG_VARIABLE = "COSTMETER_CONFIG"
"""The environment variable for `--costmeter-config`, which names the file and so cannot be set in it."""


def environment_layer(environ: Mapping[str, str]) -> SettingsLayer:
    """The `COSTMETER_*` variables. A misspelt one is an error; a foreign one (a Kubernetes service link) is ignored."""
    known = {setting.environment_variable: setting.key for setting in SETTINGS}
    found: dict[str, object] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        if variable in known:
            if value.strip():
                found[known[variable]] = value
        elif hint := nearest(variable, (*known, CONFIG_VARIABLE), 1, cutoff=0.85):
            raise BadInputError(f"{variable} is not a setting{hint}")
    return SettingsLayer("environment", lambda key: BY_KEY[key].environment_variable, found)


def file_layer(path: Path) -> SettingsLayer:
    """The settings file, flat or under a `[costmeter]` table. BadInputError names the file and, if the TOML parser
    reports it, the line."""
    values = read_toml(path, "settings file")
    section = values.pop("costmeter", {})
    if not isinstance(section, dict):
        raise BadInputError(f"settings file {path}: costmeter must be a table")
    return SettingsLayer("file", lambda key: f"{path}: {key}", values | section)


def read_settings(
    environ: Mapping[str, str],
    flags: Mapping[str, object] | None = None,
    additional_config: Mapping[str, object] | None = None,
    config: str | None = None,
) -> Settings:
    """Validated settings: flags, then `--additional-config`, the environment, the file. Raises BadInputError."""
    layers: list[SettingsLayer] = [
        SettingsLayer("flag", lambda key: BY_KEY[key].flag, flags or {}),
        SettingsLayer(
            "additional_config", lambda key: f"--additional-config.costmeter.{key}", additional_config or {}
        ),
        environment_layer(environ),
    ]
    path = config or environ.get(CONFIG_VARIABLE, "").strip()
    if path:
        layers.append(file_layer(_expanded(path)))
    return resolve(layers)


def _expanded(path: str) -> Path:
    """Expand `~` to the home folder; unchanged if there is none (such as an unknown user in a container)."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
