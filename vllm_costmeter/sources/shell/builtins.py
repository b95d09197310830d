"""Commands that a shell runs itself."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.shell.conditions import Conditions
from vllm_costmeter.sources.shell.expansion import Expander
from vllm_costmeter.sources.shell.machine import Guard, Machine, Program
from vllm_costmeter.sources.shell.outcome import ExitError, LeaveError, LoopError, Outcome, ReturnError
from vllm_costmeter.sources.shell.printed import is_printing, printed
from vllm_costmeter.sources.shell.syntax import ShellError, Syntax, parse
from vllm_costmeter.sources.shell.unread import names_vllm
from vllm_costmeter.sources.shell.values import Text, Variables, unknown

_COUNTS_GPUS = re.compile(r"nvidia-smi\b[^|;&]*\|\s*(grep -c|wc -l)|torch\.cuda\.device_count\(\)\s*\)")


class Builtins(ABC):
    """The state of one shell, and its own commands."""

    def __init__(self, variables: Variables, machine: Machine, depth: int) -> None:
        self.variables = variables
        self.machine = machine
        self.depth = depth
        self.calls = 0
        self.exports_all = False
        self.functions: dict[str, Syntax] = {}
        self.called: list[tuple[str, ...]] = []
        self.guarded_by: tuple[str, ...] = ()
        """Variables that nothing sets, for which a test has led here."""
        self.passed: set[tuple[int, tuple[str, ...]]] = set()
        self._idle: set[tuple[int, str]] = set()
        self.expander = Expander(variables, self.substituted)
        self.conditions = Conditions(variables, self.expander)

    @abstractmethod
    def run(self, node: Syntax) -> Outcome:
        """Any statement."""

    @abstractmethod
    def call(self, body: Syntax) -> Outcome:
        """The body of a function."""

    @abstractmethod
    def words_of(self, node: Syntax, behind: Sequence[Syntax]) -> list[Word]:
        """The words of a command, expanded."""

    def substituted(self, node: Syntax) -> Text | None:
        """`$(command)`, for commands whose output is known."""
        inner = [each for each in node.children if each.kind not in ("$(", "<(", ">(", ")", "`")]
        self.machine.step(node.line)
        if self.machine.gpus is not None and _COUNTS_GPUS.search(node.text):
            return Text(str(self.machine.gpus))
        if len(inner) != 1 or inner[0].kind != "command" or not is_printing(inner[0].text):
            self._start_inside(node, inner)
            return None
        words = self.words_of(inner[0], ())
        found = printed(words, self.machine) if words else None
        return None if found is None else Text(found.text.rstrip("\n"), found.unknown)

    def _start_inside(self, node: Syntax, inner: Sequence[Syntax]) -> None:
        """The servers that a substitution starts: `ID=$(docker run -d ...)`. Its other programs are not kept."""
        key = (node.start, node.text[:80])
        if key in self._idle:
            return
        before, first = self.variables.copy(), len(self.machine.programs)
        try:
            for each in inner:
                self.run(each)
        except LeaveError:
            pass
        except ShellError:
            if "vllm" in node.text:
                raise
        finally:
            self.variables.become(before)
        if not self.machine.keep(first, lambda program: names_vllm(program, self.machine)):
            self._idle.add(key)

    def run_text(self, text: Text, line: int) -> Outcome:
        """`eval` and `source`: in this shell. What is not known of the text is a variable there, too."""
        self.machine.step(line)
        if self.depth > 12:
            return Outcome.UNDECIDED
        try:
            tree = parse(text.text, line)
        except ShellError:
            if text.is_known:
                raise
            self.machine.start(
                Program((Word(text.text, line, text.unknown, True),), {}, line), self.depth + 1
            )
            return Outcome.ASSUMED
        self.depth += 1
        try:
            return self.run(tree)
        finally:
            self.depth -= 1

    def _set(self, words: Sequence[Word]) -> Outcome:
        texts = [word.text for word in words]
        if "--" in texts:
            rest = words[texts.index("--") + 1 :]
            self.variables.arguments = tuple(Text(word.text, word.unknown) for word in rest)
        options = [text for text in texts[1:] if re.fullmatch(r"[-+][a-zA-Z]+", text)]
        if any("a" in option for option in options) or "allexport" in texts:
            self.exports_all = not any(option[0] == "+" for option in options)
        return Outcome.YES

    def _shift(self, words: Sequence[Word]) -> Outcome:
        count = int(words[1].text) if len(words) > 1 and re.fullmatch(r"\d{1,6}", words[1].text) else 1
        self.variables.arguments = self.variables.arguments[count:]
        return Outcome.YES

    def _exec(self, words: Sequence[Word]) -> Outcome:
        rest = list(words[1:])
        while rest and (rest[0].text.startswith("-") or re.fullmatch(r"\{[A-Za-z_]\w*\}", rest[0].text)):
            rest = rest[2:] if rest[0].text == "-a" else rest[1:]  # `exec {fd}> file` opens a file alone
        if not rest:
            return Outcome.YES
        program = Program(tuple(rest), self.variables.environment(), words[0].line)
        self.machine.start(program, self.depth + 1)
        raise ExitError

    def _leave(self, words: Sequence[Word]) -> Outcome:
        if words[0].text == "return":
            raise ReturnError
        if self.guarded_by:
            self.machine.guards.append(Guard(words[0].line, self.guarded_by, ends=True))
        raise ExitError

    def _leave_loop(self, words: Sequence[Word]) -> Outcome:
        count = int(words[1].text) if len(words) > 1 and re.fullmatch(r"[1-9]\d?", words[1].text) else 1
        raise LoopError(count, goes_on=words[0].text == "continue")

    def _read(self, words: Sequence[Word]) -> Outcome:
        for word in words[1:]:
            if word.text.isidentifier():
                self.variables.set(word.text, unknown(f"${word.text}"))
        return Outcome.UNDECIDED

    def _test(self, words: Sequence[Word]) -> Outcome:
        given = [Text(word.text, word.unknown) for word in words[1:]]
        return Outcome.of(self.conditions.of_words(given))

    def _let(self, words: Sequence[Word]) -> Outcome:
        for word in words[1:]:
            self.run_text(Text(f"(({word.text}))", word.unknown), word.line)
        return Outcome.ASSUMED

    def _eval(self, words: Sequence[Word]) -> Outcome:
        names = tuple(name for word in words[1:] for name in word.unknown)
        return self.run_text(Text(" ".join(word.text for word in words[1:]), names), words[0].line)

    def _source(self, words: Sequence[Word]) -> Outcome:
        file = self.machine.file(words[1].text) if len(words) > 1 else None
        return Outcome.ASSUMED if file is None else self.run_text(file.text, file.line)

    def _yes(self, words: Sequence[Word]) -> Outcome:
        return Outcome.YES

    def _no(self, words: Sequence[Word]) -> Outcome:
        return Outcome.NO

    def _assumed(self, words: Sequence[Word]) -> Outcome:
        return Outcome.ASSUMED


BUILTINS: Mapping[str, Callable[[Builtins, Sequence[Word]], Outcome]] = {
    "set": Builtins._set,
    "shift": Builtins._shift,
    "exec": Builtins._exec,
    "exit": Builtins._leave,
    "return": Builtins._leave,
    "break": Builtins._leave_loop,
    "continue": Builtins._leave_loop,
    "read": Builtins._read,
    "readarray": Builtins._read,
    "mapfile": Builtins._read,
    "getopts": Builtins._read,
    "test": Builtins._test,
    "let": Builtins._let,
    "eval": Builtins._eval,
    "source": Builtins._source,
    ".": Builtins._source,
    ":": Builtins._yes,
    "true": Builtins._yes,
    "false": Builtins._no,
    **dict.fromkeys(
        ("echo", "printf", "cd", "wait", "trap", "ulimit", "umask", "pushd", "popd", "kill", "hash", "alias"),
        Builtins._assumed,
    ),
}
