"""A container's command, or one typed by hand -> the programs that it starts, and the vLLM servers among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.serve_args.command import start_of_flags
from vllm_costmeter.sources.shell.containers import visible_gpus
from vllm_costmeter.sources.shell.machine import GIVEN, File, Machine, Program
from vllm_costmeter.sources.shell.told import told_words
from vllm_costmeter.sources.shell.unread import why_unread
from vllm_costmeter.sources.shell.values import GivenText, Text, unknown
from vllm_costmeter.sources.shell.wrappers import SPEAK_OF_SERVERS, environment, run_nested


@dataclass(frozen=True, slots=True)
class StartedServer:
    """One vLLM server that a command starts."""

    words: tuple[Word, ...]
    """Model and flags, as after `vllm serve`."""
    is_module: bool = False
    """Whether `python -m` starts it, which takes the model as --model alone."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables whose value is known."""
    image: str | None = None
    """As `docker run` names it."""
    gpus: int | None = None
    """GPUs that `docker run` or CUDA_VISIBLE_DEVICES leaves it; None if neither says a number."""
    gpus_line: int | None = None
    gpus_from: str = ""
    """The word that says so."""
    paths: tuple[tuple[str, str], ...] = ()
    """(folder in its container, folder outside) that `docker run` mounts."""
    devices: tuple[str, ...] | None = None
    """The GPUs that its container gets, as `Container` has them; None outside one, too."""
    files: Mapping[str, File] = field(default_factory=dict)
    """Texts in its container, by path: those given, and those that the script wrote."""
    not_read: str | None = None
    """Why it may be a server and could not be told; its one word then is what is not known."""


def run_command(
    command: Sequence[Word],
    variables: Mapping[str, str],
    files: Mapping[str, File] | None = None,
    open_file: Callable[[str], str | None] | None = None,
    gpus: int | None = None,
) -> Machine:
    """Every program that the command starts, in order: itself, or those of its script.

    `variables`: the environment; `$(NAME)` as NAME's own value stands for one that is not known, `GivenText` for one
    that no script changes. `files`: texts in the container, by path; under `GIVEN`, such values too. `open_file` reads
    a file of this machine. `gpus`: those of the container.
    ShellError for a script that cannot be read.
    """
    by_hand = {
        path[len(GIVEN) :]: file.text for path, file in (files or {}).items() if path.startswith(GIVEN)
    }
    own = {path: file for path, file in (files or {}).items() if not path.startswith(GIVEN)}
    machine = Machine(files=own, is_shell=run_nested, gpus=gpus)
    if open_file is not None:
        machine.open_file = open_file
    given = {
        name: unknown(f"${name}") if value == f"$({name})" else Text(value)
        for name, value in variables.items()
    }
    typed = {name: given[name] for name, value in variables.items() if isinstance(value, GivenText)}
    machine.given = {**by_hand, **typed}
    if command:
        machine.start(Program(tuple(command), given, command[0].line), 0)
    return machine


def servers_started(machine: Machine) -> list[StartedServer]:
    """The vLLM servers among the programs, in the order in which they start."""
    found = (server_started(program, machine) for program in machine.programs)
    return [each for each in found if each is not None]


def server_started(program: Program, machine: Machine) -> StartedServer | None:
    """The program as a vLLM server, or as one that may be and was not read; None for any other."""
    if not program.words or program.words[0].text.rsplit("/", 1)[-1] in SPEAK_OF_SERVERS:
        return None
    at = start_of_flags(told_words(program.words))
    if at is not None:
        return server_with(program, at, machine)
    found = why_unread(program, machine)
    if found is None:
        return None
    word = Word(found.what, program.words[0].line, (found.what,))
    return StartedServer((word,), not_read=found.why)


def server_with(program: Program, at: int, machine: Machine) -> StartedServer:
    """The server whose flags are the program's words from `at`."""
    variables = environment(program, at - 1)
    container = program.container
    gpus, line, said = None, None, ""
    if container is not None and container.gpus is not None:
        gpus, line, said = container.gpus, container.gpus_line, "--gpus"
    visible = visible_gpus(variables)
    if visible is not None and (gpus is None or visible[1] < gpus):
        gpus, line, said = visible[1], program.line, visible[0]
    return StartedServer(
        words=program.words[at:],
        is_module=program.words[at - 1].text != "serve",
        environment={name: value.text for name, value in variables.items() if value.is_known},
        image=None if container is None else container.image,
        gpus=gpus,
        gpus_line=line,
        gpus_from=said,
        paths=() if container is None else container.mounts,
        devices=None if container is None else container.devices,
        files=machine.files,
    )
