"""Find what a command line really starts: behind `env`, `sudo -E`, `nohup`, `srun`, shells and container tools."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.serve_args.command import start_of_flags
from vllm_costmeter.sources.shell.containers import container_program
from vllm_costmeter.sources.shell.machine import Machine, Program
from vllm_costmeter.sources.shell.run import run_script
from vllm_costmeter.sources.shell.told import runs_an_image, told_words
from vllm_costmeter.sources.shell.values import Text, Variables

SHELLS = ("sh", "bash", "dash", "ash", "zsh", "ksh")
CONTAINER_TOOLS = ("docker", "podman", "nerdctl", "podman-hpc")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
SPEAK_OF_SERVERS = frozenset(
    (
        "echo",
        "printf",
        "grep",
        "egrep",
        "pgrep",
        "pkill",
        "killall",
        "kill",
        "which",
        "type",
        "man",
        "logger",
        "cat",
        "chmod",
        "chown",
        "cp",
        "dos2unix",
        "head",
        "install",
        "ln",
        "ls",
        "mv",
        "rm",
        "rsync",
        "scp",
        "sed",
        "shellcheck",
        "stat",
        "tail",
        "tee",
        "touch",
        "wc",
    )
)
"""Programs that may have `vllm serve` or a script among their words and start none."""
_RUN_A_TEXT = frozenset(
    ("ssh", "tmux", "screen", "su", "script", "parallel", "xargs", "flock", "runuser", "watch")
)
_SCRIPTS = (".sh", ".bash", ".sbatch", ".slurm")
_SHELL_VALUES = ("-o", "+o", "-O", "--rcfile", "--init-file")


def run_nested(program: Program, machine: Machine, depth: int) -> bool:
    """Run what the program starts, if that is a shell or a container; False for any other program."""
    words = program.words
    if not words or _name(words[0]) in SPEAK_OF_SERVERS:
        return False
    server = start_of_flags(told_words(words))
    for at, word in enumerate(words):
        if server is not None and at >= server - 1:
            return False
        name = _name(word)
        inner: Callable[[], bool] | None = None
        if name in SHELLS:
            inner = _shell(program, at, machine, depth)
        elif name in CONTAINER_TOOLS or runs_an_image(words[at:]):
            made = container_program(
                replace(program, words=words[at:], environment=environment(program, at)), machine
            )
            inner = None if made is None else _started_in(made, machine, depth)
        elif name in _RUN_A_TEXT:
            inner = _text_of(program, at, machine, depth)
        elif name.endswith(_SCRIPTS) or (at == 0 and "/" in word.text):
            inner = _script(program, at, machine, depth)
        if inner is not None:
            return inner()
    return False


def environment(program: Program, end: int) -> dict[str, Text]:
    """Variables of the program and those that stand among its words before `end`: `env A=1`, `sudo A=1`."""
    found = dict(program.environment)
    for word in program.words[:end]:
        match = _ASSIGNMENT.fullmatch(word.text)
        if match is not None:
            found[match[1]] = Text(match[2], word.unknown)
    return found


def _started_in(program: Program, machine: Machine, depth: int) -> Callable[[], bool]:
    def start() -> bool:
        first = len(machine.programs)
        machine.start(program, depth + 1)
        machine.programs[first:] = [
            each if each.container is not None else replace(each, container=program.container)
            for each in machine.programs[first:]
        ]
        return True

    return start


def _shell(program: Program, at: int, machine: Machine, depth: int) -> Callable[[], bool] | None:
    """The script of `bash -lc TEXT`, `bash FILE` or `bash <<EOF`, ready to run; None without one that is known."""
    words = program.words
    is_text, number = False, at + 1
    while number < len(words) and words[number].text[:1] in ("-", "+") and words[number].text != "--":
        option = words[number].text
        is_text = is_text or re.fullmatch(r"-[a-zA-Z]*c[a-zA-Z]*", option) is not None
        number += 2 if option in _SHELL_VALUES or re.fullmatch(r"-[a-z]+o", option) else 1
    if number < len(words) and words[number].text == "--":
        number += 1
    operand, rest = (words[number] if number < len(words) else None), words[number + 1 :]
    given = environment(program, at)
    if is_text and operand is not None:
        return _ready(
            Text(operand.text, operand.unknown), rest[1:], given, machine, line=operand.line, depth=depth
        )
    if operand is None:
        stdin = program.stdin
        return None if stdin is None else _ready(stdin.text, (), given, machine, line=stdin.line, depth=depth)
    file = machine.file(operand.text)
    return None if file is None else _ready(file.text, rest, given, machine, line=file.line or 1, depth=depth)


def _script(program: Program, at: int, machine: Machine, depth: int) -> Callable[[], bool] | None:
    """`./run.sh ARGUMENTS`, ready to run; None for a file that is not known, or no script of a shell."""
    file = machine.file(program.words[at].text)
    if file is None or re.match(r"#!(?!.*sh\b)|\x7fELF", file.text.text):
        return None
    rest, given = program.words[at + 1 :], environment(program, at)
    return _ready(file.text, rest, given, machine, line=file.line or 1, depth=depth)


def _text_of(program: Program, at: int, machine: Machine, depth: int) -> Callable[[], bool] | None:
    """`ssh HOST 'vllm serve ...'`: the first word that is a script itself."""
    for word in program.words[at + 1 :]:
        text = re.sub(r"^--[\w-]+=", "", word.text)  # `gcloud compute ssh VM --command="vllm serve ..."`
        if " " in text and "vllm" in text:
            given = environment(program, at)
            return _ready(Text(text, word.unknown), (), given, machine, line=word.line, depth=depth)
    return None


def _ready(
    script: Text,
    arguments: Sequence[Word],
    given: Mapping[str, Text],
    machine: Machine,
    *,
    line: int,
    depth: int,
) -> Callable[[], bool]:
    def start() -> bool:
        values = [Text(word.text, word.unknown) for word in arguments]
        run_script(script.text, Variables(given, values), machine, line, depth)
        return True

    return start


def _name(word: Word) -> str:
    return word.text.rsplit("/", 1)[-1]
