"""Commands of one machine -> the servers that they start: `vllm serve`, `python -m`, and containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vllm_costmeter.sources.manifests.containers import Started, started_programs
from vllm_costmeter.sources.manifests.gpus.devices import EVERY, listed_devices, visible_devices
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.shell.started import run_command


def devices_of(start: Started) -> tuple[str, ...]:
    """The GPUs of this machine that a server sees: all of them outside a container."""
    given = listed_devices(",".join(start.devices)) if start.devices is not None else None
    return visible_devices(EVERY if start.image is None else given, start.environment)


def server_commands(words: Sequence[Word], variables: Mapping[str, str]) -> list[Started]:
    """The servers that a command starts, with those that could not be read; those of its script where it is a shell."""
    return started_programs(words, run_command(words, variables))
