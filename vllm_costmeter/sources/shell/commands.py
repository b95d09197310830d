"""Simple commands: assignments, a shell's own commands, redirections, and the programs that it starts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.shell.builtins import BUILTINS, Builtins
from vllm_costmeter.sources.shell.machine import File, Program
from vllm_costmeter.sources.shell.outcome import LeaveError, Outcome
from vllm_costmeter.sources.shell.printed import printed
from vllm_costmeter.sources.shell.redirections import target_of, words_behind
from vllm_costmeter.sources.shell.syntax import ShellError, Syntax
from vllm_costmeter.sources.shell.values import Text, unknown

_WORDS = (
    "word",
    "number",
    "string",
    "raw_string",
    "ansi_c_string",
    "translated_string",
    "concatenation",
    "simple_expansion",
    "expansion",
    "command_substitution",
    "arithmetic_expansion",
    "process_substitution",
    "brace_expression",
    "extglob_pattern",
    "regex",
)


_EVERY_ARGUMENT = re.compile(r'"?(\$[@*])"?')


class SimpleCommands(Builtins):
    """The commands of one shell."""

    def test_command(self, node: Syntax) -> Outcome:
        return Outcome.of(self.conditions.of_brackets(node))

    def assignment(self, node: Syntax) -> Outcome:
        """`NAME=value`, `NAME+=value`, `NAME=(...)`, `NAME[i]=value`."""
        name, sign = node.children[0], node.children[1].kind
        value = node.children[2] if len(node.children) > 2 else None
        if name.kind == "subscript":
            self.variables.set(name.children[0].text, unknown(f"${name.children[0].text}"))
            return Outcome.YES
        before = self.variables.get(name.text)
        if value is not None and value.kind == "array":
            elements = tuple(self._array(value))
            if sign == "+=":
                elements = (*_as_array(before), *elements)
            self.variables.set(name.text, elements)
            return Outcome.YES
        text = self.expander.text(value)
        if value is not None and not self.calls and not self.variables.arguments:
            every = _EVERY_ARGUMENT.fullmatch(value.text)
            text = text if every is None else unknown(every[1])  # as `$1`: given to the script, if at all
        if sign == "+=" and isinstance(before, tuple):
            first = before[0] if before else Text("")
            self.variables.set(name.text, (_joined(first, text), *before[1:]))
        elif sign == "+=" and isinstance(before, Text):
            self.variables.set(name.text, _joined(before, text))
        else:
            self.variables.set(name.text, text)
        if self.exports_all:
            self.variables.export(name.text)
        return Outcome.YES

    def _array(self, node: Syntax) -> list[Text]:
        words = [each for each in node.children if each.kind in _WORDS]
        return [field.value for each in words for field in self.expander.fields(each)]

    def declaration(self, node: Syntax) -> Outcome:
        """`export`, `declare`, `local`, `readonly`, `typeset`."""
        options = [each.text for each in node.children if each.kind == "word" and each.text.startswith("-")]
        exports = node.children[0].kind == "export" or any("x" in option for option in options)
        for each in node.children[1:]:
            if each.kind == "variable_assignment":
                self.assignment(each)
                name = each.children[0].text
            elif each.kind == "variable_name":
                name = each.text
                if not exports and self.variables.get(name) is None and any("a" in one for one in options):
                    self.variables.set(name, ())
            else:
                continue
            if exports:
                self.variables.export(name)
        return Outcome.YES

    def unset(self, node: Syntax) -> Outcome:
        for each in node.children:
            if each.kind in ("variable_name", "word"):
                self.variables.unset(each.text)
        return Outcome.YES

    def redirected(self, node: Syntax) -> Outcome:
        """A statement with redirections; words behind a redirection still belong to the command."""
        body = next(iter(node.under("body")), None)
        redirects = [each for each in node.children if each.field == "redirect"]
        behind = [word for each in redirects for word in words_behind(each)]
        stdin, start = None, None
        for each in redirects:
            if each.kind == "heredoc_redirect":
                stdin = self._here_document(each)
            elif each.kind == "herestring_redirect":
                inner = [child for child in each.children if child.kind in _WORDS]
                stdin = File(self.expander.text(inner[0]) if inner else Text(""), each.line)
            start = target_of(each) or start
        if body is None:
            outcome = Outcome.YES
        elif body.kind == "command":
            target = None if start is None else (self.expander.text(start[0]), start[1])
            outcome = self._simple(body, behind, stdin, target)
        else:
            outcome = self.run(body)
        for each in redirects:
            if each.kind == "heredoc_redirect":
                self._after_here_document(each, stdin)
        return outcome

    def _after_here_document(self, node: Syntax, stdin: File | None) -> None:
        """What stands on the line of `<<EOF` behind it: `| tee file`, `&& command`."""
        for each in node.children:
            if each.kind == "pipeline":
                for command in each.of("command"):
                    words = self.words_of(command, ())
                    if [word.text for word in words[:1]] == ["tee"] and stdin is not None:
                        self._tee(words, stdin)
                    else:
                        self._simple(command, (), stdin, None)
            elif each.kind in ("command", "list", "redirected_statement"):
                self.run(each)

    def _here_document(self, node: Syntax) -> File:
        start, body = node.child("heredoc_start"), node.child("heredoc_body")
        if start is None or body is None:
            return File(Text(""), node.line)
        first = node.source.find(b"\n", start.end, body.end) + 1
        first = first if 0 < first <= body.end else body.start
        is_literal = any(sign in start.text for sign in "'\"\\")
        text = self.expander.here_document(body, first, is_literal=is_literal)
        if node.children[0].kind == "<<-":
            text = Text("\n".join(line.lstrip("\t") for line in text.text.split("\n")), text.unknown)
        return File(text, node.line + 1)

    def command(self, node: Syntax) -> Outcome:
        return self._simple(node, (), None, None)

    def words_of(self, node: Syntax, behind: Sequence[Syntax]) -> list[Word]:
        """The name and arguments, expanded."""
        given = [each for each in node.children if each.kind == "command_name" or each.kind in _WORDS]
        found = []
        for each in (*given, *behind):
            for field in self.expander.fields(each):
                found.append(Word(field.value.text, each.line, field.value.unknown, field.is_open))
        return found

    def _simple(
        self,
        node: Syntax,
        behind: Sequence[Syntax],
        stdin: File | None,
        target: tuple[Text, bool] | None,
    ) -> Outcome:
        words = self.words_of(node, behind)
        assignments = [each for each in node.children if each.kind == "variable_assignment"]
        if not words:
            for each in assignments:
                self.assignment(each)
            return Outcome.YES
        name = words[0].text
        if name.startswith("--") and not words[0].unknown:
            raise ShellError(
                node.line,
                f"{name[:40]} begins a command of its own: the line above does not continue here (a blank behind its "
                "backslash, or a comment or empty line between)",
            )
        if target is not None and target[0].is_known:
            text = stdin.text if name == "cat" and len(words) == 1 and stdin else printed(words, self.machine)
            if text is not None:
                line = stdin.line if stdin is not None else node.line
                self.machine.write(target[0].text, text, line, appends=target[1])
        if stdin is not None and "tee" in [word.text for word in words[:2]]:
            self._tee(words[1:] if name != "tee" else words, stdin)
        if name in self.functions:
            return self._call(words, assignments)
        if name in BUILTINS and words[0].unknown == ():
            for each in assignments if name in ("eval", "source", ".") else ():
                self.assignment(each)
            return BUILTINS[name](self, words)
        self.machine.start(
            Program(tuple(words), self._environment(assignments), node.line, stdin), self.depth + 1
        )
        return Outcome.ASSUMED

    def _environment(self, assignments: Sequence[Syntax]) -> dict[str, Text]:
        """The exported variables, and those before the command."""
        own = {}
        before = self.variables.copy()
        for each in assignments:
            self.assignment(each)
            value = self.variables.get(each.children[0].text)
            own[each.children[0].text] = value if isinstance(value, Text) else unknown("$" + each.text[:40])
        self.variables.become(before)
        return {**self.variables.environment(), **own}

    def _call(self, words: Sequence[Word], assignments: Sequence[Syntax]) -> Outcome:
        call = tuple(word.text for word in words)
        if call in self.called and any(word.unknown for word in words):
            return Outcome.ASSUMED  # how deep it goes is known to the machine alone, and every call is alike
        self.called.append(call)
        self.calls += 1
        if self.calls > 50:
            raise ShellError(words[0].line, f"the function {words[0].text} calls itself too deeply")
        before = self.variables.arguments
        for each in assignments:
            self.assignment(each)
        self.variables.arguments = tuple(Text(word.text, word.unknown) for word in words[1:])
        try:
            return self.call(self.functions[words[0].text])
        except LeaveError:
            raise
        finally:
            self.variables.arguments = before
            self.called.pop()
            self.calls -= 1

    def _tee(self, words: Sequence[Word], stdin: File) -> None:
        for word in words[1:]:
            if not word.unknown and not word.text.startswith("-"):
                self.machine.write(
                    word.text, stdin.text, stdin.line, appends="-a" in [each.text for each in words]
                )


def _as_array(value: Text | tuple[Text, ...] | None) -> tuple[Text, ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _joined(one: Text, two: Text) -> Text:
    return Text(one.text + two.text, tuple(dict.fromkeys((*one.unknown, *two.unknown))))
