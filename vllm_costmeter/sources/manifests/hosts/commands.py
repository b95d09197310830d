"""Commands of one machine -> the servers that they start: `vllm serve`, `python -m`, and containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vllm_costmeter.sources.manifests.containers import Started, started_program
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.shell.started import run_command


def server_commands(words: Sequence[Word], variables: Mapping[str, str]) -> list[Started]:
    """The servers that a command starts, with those that could not be read; those of its script where it is a shell."""
    ran = run_command(words, variables)
    return [found for program in ran.programs if (found := started_program(program, ran)) is not None]
