"""What the shells of one container share: files, a budget, and the programs that they start."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.shell.syntax import ShellError
from vllm_costmeter.sources.shell.values import Text

GIVEN = "\x00given/"
"""Before a variable's name among a container's files: its value is given by hand and stands over the script's own."""
MOST_STEPS = 20_000
MOST_PROGRAMS = 500
DEEPEST = 12


@dataclass(frozen=True, slots=True)
class File:
    """A text file in the container."""

    text: Text
    line: int = 1
    """Where its text begins in the file that declares it; 0 for a file of its own."""


@dataclass(frozen=True, slots=True)
class Container:
    """What `docker run` states of the container that it starts."""

    image: str | None = None
    gpus: int | None = None
    """None: all, or not stated."""
    gpus_line: int | None = None
    devices: tuple[str, ...] | None = None
    """The GPUs of the machine that it gets: "all", or by number or UUID; None if none is stated."""
    mounts: tuple[tuple[str, str], ...] = ()
    """(folder in it, folder outside)."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that a shell starts."""

    words: tuple[Word, ...]
    environment: Mapping[str, Text]
    line: int
    stdin: File | None = None
    container: Container | None = None
    not_read: str | None = None
    """Why it may be a server and could not be told, where its words do not say so."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A place of a script from which it goes on only where variables are set that nothing sets."""

    line: int
    names: tuple[str, ...]
    ends: bool = False
    """Whether the script ends there; otherwise it passes over what may start a server."""


@dataclass(slots=True)
class Machine:
    """Files by path, and the programs started so far."""

    files: dict[str, File] = field(default_factory=dict)
    programs: list[Program] = field(default_factory=list)
    is_shell: Callable[[Program, Machine, int], bool] = lambda program, machine, depth: False
    """Runs a program that is itself a shell, at this depth; False for any other."""
    open_file: Callable[[str], str | None] = lambda path: None
    """Reads a file of this machine; for commands that run on it."""
    gpus: int | None = None
    """What `nvidia-smi -L | wc -l` prints; None if it is not known."""
    given: Mapping[str, Text] = field(default_factory=dict)
    """Variables whose value is given by hand: nothing in a script changes them."""
    may_start: set[str] = field(default_factory=set)
    """Variables that hold different texts by what only the running machine knows, one of which starts vLLM."""
    guards: list[Guard] = field(default_factory=list)
    images: set[str] = field(default_factory=set)
    """Such variables that hold an image of vLLM."""
    steps: int = 0
    _noted: set[tuple[str | None, ...]] = field(default_factory=set)

    def step(self, line: int) -> None:
        """Count one command. ShellError past the limit."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise ShellError(line, f"the script runs more than {MOST_STEPS} commands: not read to its end")

    def start(self, program: Program, depth: int) -> None:
        """Run a nested shell, or note the program."""
        if depth > DEEPEST:
            raise ShellError(program.line, f"more than {DEEPEST} shells start one another")
        if self.is_shell(program, self, depth):
            return
        key = _key(program)
        if key in self._noted and not any("vllm" in word.text for word in program.words):
            return  # a round of a loop, or another call of a function: nothing new
        self._noted.add(key)
        if len(self.programs) >= MOST_PROGRAMS:
            raise ShellError(program.line, f"the script starts more than {MOST_PROGRAMS} programs")
        self.programs.append(program)

    def keep(self, first: int, kept: Callable[[Program], bool]) -> bool:
        """Of the programs started from number `first` on, keep those; whether there are any."""
        started = self.programs[first:]
        self.programs[first:] = [each for each in started if kept(each)]
        self._noted -= {_key(each) for each in started if each not in self.programs[first:]}
        return len(self.programs) > first

    def file(self, path: str) -> File | None:
        """A known file; a relative path is looked for in every folder."""
        name = path.removeprefix("./")
        found = self.files.get(path) or self.files.get(name)
        if found is None and not path.startswith("/"):
            found = next((file for known, file in self.files.items() if known.endswith(f"/{name}")), None)
        if found is None and (text := self.open_file(path)) is not None:
            found = self.files[path] = File(Text(text), 0)
        return found

    def write(self, path: str, text: Text, line: int, *, appends: bool) -> None:
        before = self.files.get(path) if appends else None
        if before is not None:
            text = Text(before.text.text + text.text, (*before.text.unknown, *text.unknown))
            line = before.line
        self.files[path] = File(text, line)


def _key(program: Program) -> tuple[str | None, ...]:
    stdin = None if program.stdin is None else program.stdin.text.text
    image = None if program.container is None else program.container.image
    return (stdin, image, *(word.text for word in program.words))
