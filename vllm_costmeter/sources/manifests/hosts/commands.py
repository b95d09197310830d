"""Commands of one machine -> the servers that they start: `vllm serve`, `python -m`, and containers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.manifests.dynamo_flags import dynamo_words
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.manifests.server import server_words
from vllm_costmeter.sources.serve_args.command import command_flags, image_in

_TOOLS = ("docker", "podman", "nerdctl")


@dataclass(frozen=True, slots=True)
class Command:
    """A command that starts a server, or may."""

    words: tuple[Word, ...] = ()
    image: str | None = None
    not_read: str | None = None


def server_command(words: Sequence[Word], variables: Mapping[str, str]) -> Command | None:
    """The server that a command starts; None for any other."""
    texts = [word.text for word in words]
    image = image_in(texts)
    found = server_words(words, variables)
    if found is None:
        found, fault = dynamo_words(words, variables)
        if fault is not None:
            return Command(not_read=fault)
    if found is not None:
        return Command(found, image)
    at = next((at for at, text in enumerate(texts) if text.rsplit("/", 1)[-1] in _TOOLS), None)
    if at is None or texts[at + 1 : at + 2] not in (["run"], ["create"]):
        return None
    try:
        flags = command_flags(texts[at:])
    except BadInputError:
        starts = any("vllm" in text.casefold() for text in texts)
        return Command(not_read="its container's command is not understood") if starts else None
    return Command(tuple(words[len(words) - len(flags) :]), image)


def assigned(words: Sequence[Word], name: str) -> str | None:
    """The value of NAME=VALUE among the words before a command, or behind -e and --env of a container."""
    for word in words:
        found = re.fullmatch(rf"(?:-e|--env=)?{name}=(.*)", word.text)
        if found is not None:
            return found[1]
    return None
