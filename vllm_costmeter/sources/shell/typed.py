"""A command as somebody types it: words, or one text of a script -> the vLLM servers that it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.shell.started import StartedServer, run_command, servers_started
from vllm_costmeter.sources.shell.syntax import LARGEST_BYTES, ParserMissingError, ShellError
from vllm_costmeter.sources.shell.values import GivenText


def typed_servers(words: Sequence[str], given: Mapping[str, str] | None = None) -> list[StartedServer]:
    """The servers of a command, given as words or as one text. BadInputError for a script that cannot be read, or that
    may start a server which was not read.

    `given`: values of variables by name.
    """
    found = _servers(words, given)
    unread = next((each for each in found if each.not_read is not None), None)
    if unread is not None:
        raise BadInputError(f"not read: {unread.not_read}")
    return found


def _servers(words: Sequence[str], given: Mapping[str, str] | None) -> list[StartedServer]:
    plain = [word for word in words if word.strip() != "\\"]
    text = plain[0] if len(plain) == 1 and len(plain[0].split()) > 1 else None
    if text is not None:
        plain = ["sh", "-c", text]
    try:
        return servers_started(
            run_command(
                [Word(word, 1) for word in plain],
                {name: GivenText(value) for name, value in (given or {}).items()},
                open_file=_text_of,
            )
        )
    except ShellError as error:
        line = f"line {error.line}: " if error.line > 1 else ""
        raise BadInputError(f"{line}{error.message}") from None


def is_script(text: str) -> bool:
    """Whether one text is a command that starts a server."""
    try:
        return len(text.split()) > 1 and bool(_servers([text], None))
    except ParserMissingError:
        if " serve " in text or "api_server" in text:
            raise
        return False
    except BadInputError:
        return False


def _text_of(path: str) -> str | None:
    """A script or a file of variables on this machine; None where there is none."""
    try:
        file = Path(path)
        if not file.is_file() or file.stat().st_size > LARGEST_BYTES:
            return None
        return file.read_text(errors="replace")
    except (OSError, ValueError):
        return None
