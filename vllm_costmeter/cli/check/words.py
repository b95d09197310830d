"""A `vllm serve` command among the words of `costmeter check`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.sources.serve_args.command import SERVER_MODULES, is_command, may_be_command

if TYPE_CHECKING:
    from vllm_costmeter.sources.shell.started import StartedServer

Split = Callable[[list[str]], tuple[list[str], list[str]]]
_STARTERS = frozenset(
    """
    sh bash dash zsh ksh env sudo nohup exec time timeout nice setsid stdbuf numactl taskset srun sbatch mpirun
    torchrun ssh tmux screen uv uvx conda pixi poetry apptainer singularity kubectl tini dumb-init xargs
    """.split()  # noqa: SIM905 - words
)
"""Programs that start others."""
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
    if not is_text and not _starts_something(command):  # a model and its flags
        more, flags = split(command)
        return [*own, *more, *flags]
    servers = _servers(command, own)
    if len(servers) > 1 or _writes_its_config(servers[0]):
        import shlex

        return [*own, f"--typed={command[0] if is_text else shlex.join(command)}"]
    server = servers[0]
    more, flags = split(_settled(server))
    own = [*_said_by(server, [*own, *more]), *own, *more]
    return [*own, "--", *(MODULE if server.is_module else SERVE), *flags]


def _is_command(text: str) -> bool:
    if is_command(text.split()):
        return True
    from vllm_costmeter.sources.shell.typed import is_script

    return is_script(text)


def _starts_something(command: list[str]) -> bool:
    name = command[0].rsplit("/", 1)[-1]
    return is_command(command) or name in _STARTERS or name.endswith((".sh", ".bash", ".sbatch"))


def _servers(command: list[str], own: list[str]) -> list[StartedServer]:
    """BadInputError where the command starts none."""
    from vllm_costmeter.sources.shell.typed import typed_servers

    given = dict(text.split("=", 1) for flag, text in pairwise(own) if flag == "--set" and "=" in text)
    found = typed_servers(command, given)
    if found:
        return found
    each = [word for word in " ".join(command).split() if "=" not in word]
    shown = " ".join(each[:2])
    raise BadInputError(
        f"not a server command: {shown!r}; give `-- vllm serve MODEL ...` "
        f"or `-- python -m {SERVER_MODULES[0]} --model MODEL ...`"
    )


def _writes_its_config(server: StartedServer) -> bool:
    """Whether the script itself writes the --config file that its server reads."""
    texts = [word.text for word in server.words]
    names = [value for flag, value in pairwise(texts) if flag == "--config"]
    return any(name in server.files and server.files[name].line for name in names)


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
    if server.image is not None:
        from vllm_costmeter.sources.manifests.image import other_device

        device = other_device(server.image)
        if device is not None:
            raise NotUnderstoodError(device)
    if server.image is not None and not any(word.partition("=")[0] == "--vllm-version" for word in own):
        from vllm_costmeter.core.release import NEWEST_KNOWN, dotted
        from vllm_costmeter.sources.manifests.image import release_in

        words += ["--vllm-version", release_in(server.image) or dotted(NEWEST_KNOWN)]
    for inside, outside in server.paths:
        if Path(outside).exists():
            words.append(f"--path-map={inside}={outside}")
    if server.gpus is not None:
        words += ["--stated-gpus", f"{server.gpus} {server.gpus_from}"]
    for name in DECIDING:
        if name in server.environment:
            words.append(f"--server-environment={name}={server.environment[name]}")
    return words
