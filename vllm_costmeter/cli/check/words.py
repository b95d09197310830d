"""What follows `costmeter check`: its own flags, a whole command, a --config file -> one list of words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from vllm_costmeter.cli.check.request import CheckRequest
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.serve_args.command import (
    command_flags,
    is_command,
    may_be_command,
    normalised,
    split_config_flag,
    start_of_flags,
)

Parse = Callable[[list[str]], CheckRequest]


def own_words(words: list[str], parse: Parse) -> list[str]:
    """Model and flags of the command behind `--`, those of its --config file first, then the flags before `--`, which
    override them as they do a file's.

    The command may also stand as one quoted text in the place of a model.
    """
    own, command = words, []
    quoted = next((at for at, word in enumerate(words) if _is_quoted_command(word)), None)
    if "--" in words:
        split = words.index("--")
        own, command = words[:split], _command(words[split + 1 :])
    elif quoted is not None:
        own, command = [*words[:quoted], *words[quoted + 1 :]], _command([words[quoted]])
    given, file = split_config_flag([*_release_words(words, own), *command, *own])
    if file is None:
        return normalised(given)
    return normalised([*_config_words(file, given, parse), *given])


def _release_words(words: list[str], own: list[str]) -> list[str]:
    """--vllm-version of the image that a `docker run` starts, unless it is given."""
    if any(word.partition("=")[0] == "--vllm-version" for word in own):
        return []
    from vllm_costmeter.core.release import NEWEST_KNOWN, dotted
    from vllm_costmeter.sources.manifests.image import release_in
    from vllm_costmeter.sources.serve_args.command import image_in

    image = image_in([part for word in words for part in word.split()])
    return [] if image is None else ["--vllm-version", release_in(image) or dotted(NEWEST_KNOWN)]


def _command(words: list[str]) -> list[str]:
    """Model and flags of a command, given as words or as one text with continuation lines."""
    from vllm_costmeter.sources.manifests.place import Word
    from vllm_costmeter.sources.manifests.server import server_words

    if len(words) == 1 and len(words[0].split()) > 1:
        each = _simple_commands(words[0])
        words = next((simple for simple in each if start_of_flags(simple) is not None), each[0])
    started = server_words([Word(word, 1) for word in words if word.strip() != "\\"], {})
    if started is not None:
        return [word.text for word in started]
    return command_flags(words) if is_command(words) else words


def _is_quoted_command(word: str) -> bool:
    return may_be_command(word) and any(map(is_command, _simple_commands(word)))


def _simple_commands(text: str) -> list[list[str]]:
    from vllm_costmeter.sources.manifests.shell import commands

    return [[word.text for word in each] for each in commands(text, {})] or [[]]


def _config_words(file: str, given: list[str], parse: Parse) -> list[str]:
    """Words of a --config file, without its model where the command names one. A fault in it names its line."""
    from vllm_costmeter.sources.manifests.place import Place
    from vllm_costmeter.sources.manifests.server import placeholder
    from vllm_costmeter.sources.serve_args.config_file import config_file_words

    found = config_file_words(Path(file))
    texts = [word.text for word in found]
    if "--model" in texts and parse(given).models:
        at = texts.index("--model")
        del found[at : at + 2]
    open_value = placeholder(found)
    if open_value is not None:
        word, what = open_value
        raise Place(file, word.line).fault(f"{what}: replace it with its value")
    try:
        parse([word.text for word in found])
    except BadInputError as error:
        flags = re.findall(r"--[A-Za-z][\w-]*", str(error).replace("_", "-"))
        line = next((word.line for word in found if word.text.replace("_", "-") in flags), 1)
        raise Place(file, line).fault(str(error)) from None
    return [word.text for word in found]
