"""Scripts, and what they start."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.shell.machine import File
from vllm_costmeter.sources.shell.started import StartedServer, run_command, servers_started
from vllm_costmeter.sources.shell.values import Text


def servers(
    script: str, *arguments: str, files: dict[str, str] | None = None, **variables: str
) -> list[StartedServer]:
    """The servers of a script with `$1` and on, files and variables; `NAME="$(NAME)"` is set and not known."""
    words = ["bash", "-c", script, "script", *arguments]
    texts = {path: File(Text(text)) for path, text in (files or {}).items()}
    return servers_started(run_command([Word(word, 1) for word in words], variables, texts))


def command_servers(*words: str, **variables: str) -> list[StartedServer]:
    """The servers of a command's words."""
    return servers_started(run_command([Word(word, 1) for word in words], variables))


def lines(found: Sequence[StartedServer]) -> list[str]:
    """Each server's command line."""
    return [" ".join(word.text for word in server.words) for server in found]


def line(script: str, *arguments: str, **variables: str) -> str:
    """The command line of a script's only server."""
    (server,) = servers(script, *arguments, **variables)
    return " ".join(word.text for word in server.words)
