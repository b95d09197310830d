"""A `vllm serve` command among the words of `costmeter check`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.serve_args.command import SERVER_MODULES, is_command, may_be_command

if TYPE_CHECKING:
    from vllm_costmeter.sources.shell.started import StartedServer

Split = Callable[[list[str]], tuple[list[str], list[str]]]
SERVE, MODULE = ("vllm", "serve"), ("python", "-m", SERVER_MODULES[0])


def own_words(words: list[str], split: Split) -> list[str]:
    """The words with a command at the end, as `-- vllm serve ...`; its image states the release.

    The command is what follows `--`, or one quoted text in place of a model. `split` tells flags of `costmeter check`
    from other words: they may stand behind the command's flags too.
    """
    own, command = words, list[str]()
    quoted = next((at for at, word in enumerate(words) if may_be_command(word) and _is_command(word)), None)
    if "--" in words:
        at = words.index("--")
        own, command = words[:at], words[at + 1 :]
    elif quoted is not None:
        own, command = [*words[:quoted], *words[quoted + 1 :]], [words[quoted]]
    else:
        return words
    if not command:
        return own
    is_text = len(command) == 1 and len(command[0].split()) > 1
    if not is_text and not is_command(command):  # a model and its flags
        more, flags = split(command)
        return [*own, *more, *flags]
    server = _only_server(command, own)
    more, flags = split(_settled(server))
    own = [*_said_by(server, [*own, *more]), *own, *more]
    return [*own, "--", *(MODULE if server.is_module else SERVE), *flags]


def _is_command(text: str) -> bool:
    if is_command(text.split()):
        return True
    from vllm_costmeter.sources.shell.typed import is_script

    return is_script(text)


def _only_server(command: list[str], own: list[str]) -> StartedServer:
    """BadInputError where the command starts none, or several."""
    from vllm_costmeter.sources.shell.typed import typed_servers

    given = dict(text.split("=", 1) for flag, text in pairwise(own) if flag == "--set" and "=" in text)
    found = typed_servers(command, given)
    if len(found) == 1:
        return found[0]
    each = [word for word in " ".join(command).split() if "=" not in word]
    shown = " ".join(each[:2])
    if not found:
        raise BadInputError(
            f"not a server command: {shown!r}; give `-- vllm serve MODEL ...` "
            f"or `-- python -m {SERVER_MODULES[0]} --model MODEL ...`"
        )
    models = ", ".join(server.words[0].text[:60] if server.words else "?" for server in found)
    raise BadInputError(
        f"the command starts {len(found)} servers ({models}): put it into a file: costmeter check --file script.sh"
    )


def _settled(server: StartedServer) -> list[str]:
    """The server's words that can be read. BadInputError for a placeholder that decides something."""
    if not any("$" in word.text or "{" in word.text or "<" in word.text for word in server.words):
        return [word.text for word in server.words]
    from vllm_costmeter.sources.manifests.placeholders import remedy, settled

    found = settled(server.words)
    if found.open_values:
        raise BadInputError(remedy(found.open_values))
    return [word.text for word in found.words]


def _said_by(server: StartedServer, own: list[str]) -> list[str]:
    """What the command says beside the server's flags, as flags of this command: the release in its image's tag, the
    GPUs of its container, variables that decide something."""
    from vllm_costmeter.sources.serve_args.environment import DECIDING

    words = []
    if server.image is not None and not any(word.partition("=")[0] == "--vllm-version" for word in own):
        from vllm_costmeter.core.release import NEWEST_KNOWN, dotted
        from vllm_costmeter.sources.manifests.image import release_in

        words += ["--vllm-version", release_in(server.image) or dotted(NEWEST_KNOWN)]
    if server.gpus is not None:
        words += ["--stated-gpus", f"{server.gpus} {server.gpus_from}"]
    for name in DECIDING:
        if name in server.environment:
            words.append(f"--server-environment={name}={server.environment[name]}")
    return words
