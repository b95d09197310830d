"""A `vllm serve` command among the words of `costmeter check`."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.sources.serve_args.command import (
    SERVER_MODULES,
    command_flags,
    is_command,
    may_be_command,
    start_of_flags,
)

Split = Callable[[list[str]], tuple[list[str], list[str]]]
SERVE, MODULE = ("vllm", "serve"), ("python", "-m", SERVER_MODULES[0])


def own_words(words: list[str], split: Split) -> list[str]:
    """The words with a command at the end, as `-- vllm serve ...`; its image states the release.

    The command is what follows `--`, or one quoted text in place of a model. `split` tells flags of `costmeter check`
    from other words: they may stand behind the command's flags too.
    """
    own, command = words, list[str]()
    quoted = next((at for at, word in enumerate(words) if _is_quoted_command(word)), None)
    if "--" in words:
        at = words.index("--")
        own, command = words[:at], words[at + 1 :]
    elif quoted is not None:
        own, command = [*words[:quoted], *words[quoted + 1 :]], [words[quoted]]
    else:
        return words
    start, flags = _command(command)
    more, flags = split(flags)
    own = [*_release_words(command, [*own, *more]), *own, *more]
    return [*own, "--", *start, *flags] if start else [*own, *flags]


def _release_words(command: list[str], own: list[str]) -> list[str]:
    """--vllm-version from the image of a `docker run` command, unless the flag is given."""
    if any(word.partition("=")[0] == "--vllm-version" for word in own):
        return []
    from vllm_costmeter.core.release import NEWEST_KNOWN, dotted
    from vllm_costmeter.sources.manifests.image import release_in
    from vllm_costmeter.sources.serve_args.command import image_in

    image = image_in([part for word in command for part in word.split()])
    return [] if image is None else ["--vllm-version", release_in(image) or dotted(NEWEST_KNOWN)]


def _command(words: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """How the server is started, and its model and flags; no start for words that are no command.

    The command is given as words or as one text with continuation lines.
    """
    from vllm_costmeter.sources.manifests.place import Word
    from vllm_costmeter.sources.manifests.server import server_words

    if len(words) == 1 and len(words[0].split()) > 1:
        each = _simple_commands(words[0])
        words = next((simple for simple in each if start_of_flags(simple) is not None), each[0])
    start = MODULE if any(word in SERVER_MODULES for word in words) else SERVE
    started = server_words([Word(word, 1) for word in words if word.strip() != "\\"], {})
    if started is not None:
        return start, [word.text for word in started]
    return (start, command_flags(words)) if is_command(words) else ((), words)


def _is_quoted_command(word: str) -> bool:
    return may_be_command(word) and any(map(is_command, _simple_commands(word)))


def _simple_commands(text: str) -> list[list[str]]:
    from vllm_costmeter.sources.manifests.shell import commands

    return [[word.text for word in each] for each in commands(text, {})] or [[]]
