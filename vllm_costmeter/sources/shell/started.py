"""A container's command, or one typed by hand -> the vLLM servers that it starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.serve_args.command import start_of_flags
from vllm_costmeter.sources.shell.containers import visible_gpus
from vllm_costmeter.sources.shell.machine import File, Machine, Program
from vllm_costmeter.sources.shell.values import Text
from vllm_costmeter.sources.shell.wrappers import SPEAK_OF_SERVERS, environment, run_nested


@dataclass(frozen=True, slots=True)
class Started:
    """One vLLM server that a command starts."""

    words: tuple[Word, ...]
    """Model and flags, as after `vllm serve`."""
    environment: Mapping[str, Text] = field(default_factory=dict)
    files: Mapping[str, File] = field(default_factory=dict)
    """Files that the script wrote, with those given."""
    image: str | None = None
    """As `docker run` names it."""
    gpus: int | None = None
    """GPUs that `docker run` or CUDA_VISIBLE_DEVICES leaves it; None if neither says a number."""
    gpus_line: int | None = None
    gpus_from: str = ""
    """The word that says so."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a command starts."""

    servers: tuple[Started, ...] = ()
    not_known: tuple[Word, ...] = ()
    """Programs that may be a server, of which only the variable's name is known: `exec $COMMAND`."""


def servers_started(
    command: Sequence[Word],
    variables: Mapping[str, str | None],
    files: Mapping[str, File] | None = None,
    open_file: Callable[[str], str | None] | None = None,
) -> Found:
    """The servers, in the order in which they start.

    `variables`: the environment; None for a value that is not known. `files`: texts in the container, by path.
    `open_file` reads a file of this machine. ShellError for a script that cannot be read.
    """
    if not command:
        return Found()
    machine = Machine(files=dict(files or {}), is_shell=run_nested)
    if open_file is not None:
        machine.open_file = open_file
    given = {name: Text(f"${name}", (f"${name}",)) if value is None else Text(value) for name, value in variables.items()}
    machine.start(Program(tuple(command), given, command[0].line), 0)
    servers = [found for program in machine.programs if (found := _server(program, machine)) is not None]
    not_known = [program.words[0] for program in machine.programs if program.words[0].unknown]
    return Found(tuple(servers), tuple(not_known))


def _server(program: Program, machine: Machine) -> Started | None:
    at = start_of_flags([word.text for word in program.words])
    if at is None or program.words[0].text.rsplit("/", 1)[-1] in SPEAK_OF_SERVERS:
        return None
    variables = environment(program, at - 1)
    container = program.container
    gpus, line, said = None, None, ""
    if container is not None and container.gpus is not None:
        gpus, line, said = container.gpus, container.gpus_line, "--gpus"
    visible = visible_gpus(variables)
    if visible is not None and (gpus is None or visible[1] < gpus):
        gpus, line, said = visible[1], program.line, visible[0]
    image = None if container is None else container.image
    return Started(program.words[at:], variables, machine.files, image, gpus, line, said)

