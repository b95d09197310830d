"""Run a script's statements in order, without executing anything: what it starts, with which words.

A condition that only the machine knows is taken both ways: each way's programs count, and a variable that differs
is not known behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vllm_costmeter.sources.shell.conditions import arithmetic_truth
from vllm_costmeter.sources.shell.loops import Loops
from vllm_costmeter.sources.shell.machine import Guard, Machine, Program
from vllm_costmeter.sources.shell.outcome import LeaveError, Outcome, ReturnError
from vllm_costmeter.sources.shell.parameters import matcher
from vllm_costmeter.sources.shell.plain import plain_words
from vllm_costmeter.sources.shell.syntax import ParserMissingError, ShellError, Syntax, parse
from vllm_costmeter.sources.shell.told import names_vllm_image
from vllm_costmeter.sources.shell.unread import may_start, mentions_server, note_guard
from vllm_costmeter.sources.shell.values import Text, Variables

_UNKNOWABLE = (Outcome.UNDECIDED, Outcome.ASSUMED)


def run_script(
    script: str, variables: Variables, machine: Machine, first_line: int = 1, depth: int = 0
) -> None:
    """Add the programs that the script starts to `machine`. ShellError for what is not a shell script."""
    variables.fix(machine.given)
    try:
        _Runner(variables, machine, depth).script(script, first_line)
        note_guard(script, machine)
    except ParserMissingError:
        words = plain_words(script, first_line)
        if words is None:
            raise
        machine.start(Program(tuple(words), variables.environment(), first_line), depth + 1)
    except RecursionError:
        raise ShellError(first_line, "the script is nested too deeply to be read") from None


class _Runner(Loops):
    def script(self, script: str, first_line: int) -> None:
        """The whole text of one shell."""
        try:
            self.run(parse(script, first_line))
        except LeaveError:
            return

    def run(self, node: Syntax) -> Outcome:
        """One statement, or several in order; how the last one ended."""
        statement = _STATEMENTS.get(node.kind)
        if statement is not None:
            self.machine.step(node.line)
            return statement(self, node)
        outcome = Outcome.YES
        for number, each in enumerate(node.children):
            behind = node.children[number + 1].kind if number + 1 < len(node.children) else ""
            if each.kind in _STATEMENTS or each.kind in _GROUPS:
                outcome = self._forked(each) if behind == "&" else self.run(each)
        return outcome

    def _list(self, node: Syntax) -> Outcome:
        left, sign, right = node.children[0], node.children[1].kind, node.children[-1]
        outcome, unset = self._asked(lambda: self.run(left))
        goes_on = Outcome.YES if sign == "&&" else Outcome.NO
        if outcome is goes_on or (outcome is Outcome.ASSUMED and sign == "&&"):
            return self._guarded(unset, [right])
        self._pass_over(unset if outcome not in _UNKNOWABLE else (), right)
        if outcome in _UNKNOWABLE:
            self.either(lambda: self.run(right), lambda: None)
            return Outcome.UNDECIDED
        return outcome

    def _negated(self, node: Syntax) -> Outcome:
        return self.run(node.children[-1]).opposite()

    def _forked(self, node: Syntax) -> Outcome:
        """In a shell of its own, whose variables are lost."""
        before = self.variables.copy()
        try:
            return self.run(node) if node.kind != "subshell" else self._inside(node)
        except LeaveError:
            return Outcome.UNDECIDED
        finally:
            self.variables.become(before)

    def _inside(self, node: Syntax) -> Outcome:
        outcome = Outcome.YES
        for each in node.children:
            if each.kind in _STATEMENTS or each.kind in _GROUPS:
                outcome = self.run(each)
        return outcome

    def _pipeline(self, node: Syntax) -> Outcome:
        for each in node.children:
            if each.kind in _STATEMENTS:
                self._forked(each)
        return Outcome.ASSUMED

    def _compound(self, node: Syntax) -> Outcome:
        if node.children and node.children[0].kind == "((":
            return Outcome.of(arithmetic_truth(self.expander, node))
        return self._inside(node)

    def either(self, *ways: Callable[[], object]) -> None:
        """Every way, from the same variables; what they leave differently is not known."""
        before, after = self.variables.copy(), list[Variables]()
        left: LeaveError | None = None
        for way in ways:
            self.variables.become(before)
            try:
                way()
                after.append(self.variables.copy())
            except LeaveError as error:
                left = error
        if not after and left is not None:
            raise left
        self.variables.become(after[0])
        for other in after[1:]:
            one = self.variables.copy()
            for name, *values in one.differing(other):
                if any(value is not None and may_start(value, self.machine) for value in values):
                    self.machine.may_start.add(name)
                if any(isinstance(value, Text) and names_vllm_image(value.text) for value in values):
                    self.machine.images.add(name)
            self.variables.become_either(one, other)

    def _if(self, node: Syntax) -> Outcome:
        ways = _branches(node)
        return self._chosen(ways)

    def _chosen(self, ways: Sequence[tuple[list[Syntax], list[Syntax]]]) -> Outcome:
        if not ways:
            return Outcome.YES
        (conditions, body), rest = ways[0], ways[1:]
        outcome, unset = self._asked(lambda: self.run_all(conditions) if conditions else Outcome.YES)
        if outcome is Outcome.YES:
            return self._guarded(unset, body)
        if outcome is Outcome.NO:
            self._pass_over(unset, *body)
            return self._chosen(rest)
        self.either(lambda: self.run_all(body), lambda: self._chosen(rest))
        return Outcome.ASSUMED

    def _asked(self, condition: Callable[[], Outcome]) -> tuple[Outcome, tuple[str, ...]]:
        """How a condition ends, and the variables without a value that it asks for."""
        self.expander.unset.clear()
        outcome = condition()
        return outcome, tuple(dict.fromkeys(self.expander.unset))

    def _guarded(self, unset: tuple[str, ...], nodes: Sequence[Syntax]) -> Outcome:
        """Statements to which variables that are not set have led."""
        before, self.guarded_by = self.guarded_by, self.guarded_by or unset
        try:
            return self.run_all(nodes)
        finally:
            self.guarded_by = before

    def _pass_over(self, unset: tuple[str, ...], *nodes: Syntax) -> None:
        if not unset or (nodes[0].start, unset) in self.passed:
            return
        self.passed.add((nodes[0].start, unset))
        if any(mentions_server(each.text) for each in nodes):
            self.machine.guards.append(Guard(nodes[0].line, unset))

    def run_all(self, nodes: Sequence[Syntax]) -> Outcome:
        outcome = Outcome.YES
        for number, each in enumerate(nodes):
            behind = nodes[number + 1].kind if number + 1 < len(nodes) else ""
            if each.kind in _STATEMENTS or each.kind in _GROUPS:
                outcome = self._forked(each) if behind == "&" else self.run(each)
        return outcome

    def _case(self, node: Syntax) -> Outcome:
        self.expander.unset.clear()
        subject = self.expander.text(next(iter(node.under("value")), None))
        unset = tuple(dict.fromkeys(self.expander.unset))
        undecided: list[list[Syntax]] = []
        for item in (each for each in node.children if each.kind == "case_item"):
            end = next((n for n, each in enumerate(item.children) if each.kind == ")"), 0)
            patterns = [
                self.expander.text(each) for each in item.children[:end] if each.kind not in ("|", "(")
            ]
            body = list(item.children[end + 1 :])
            if subject.is_known and all(pattern.is_known for pattern in patterns):
                if any(matcher(pattern.text)(subject.text) for pattern in patterns):
                    undecided.append(body)
                    break
            else:
                undecided.append(body)
        if subject.is_known and len(undecided) == 1:
            if unset:
                self.machine.guards.append(Guard(node.line, unset))
            return self._guarded(unset, undecided[0])
        if undecided:
            self.either(*[lambda body=body: self.run_all(body) for body in undecided], lambda: None)
        return Outcome.ASSUMED

    def _function(self, node: Syntax) -> Outcome:
        self.functions[node.under("name")[0].text] = node.under("body")[0]
        return Outcome.YES

    def call(self, body: Syntax) -> Outcome:
        """A function's body, with its arguments in the variables."""
        try:
            return self.run(body)
        except ReturnError:
            return Outcome.ASSUMED


def _branches(node: Syntax) -> list[tuple[list[Syntax], list[Syntax]]]:
    """(conditions, body) of `if`, each `elif`, and `else` without a condition."""
    conditions, body, rest = list[Syntax](), list[Syntax](), list[tuple[list[Syntax], list[Syntax]]]()
    is_body = False
    for each in node.children:
        if each.kind == "then":
            is_body = True
        elif each.kind == "elif_clause":
            rest += _branches(each)
        elif each.kind == "else_clause":
            rest.append(([], list(each.children)))
        elif each.kind not in ("if", "elif", "fi"):
            (body if is_body else conditions).append(each)
    return [(conditions, body), *rest]


_GROUPS = ("do_group", "program", "variable_assignments")
_STATEMENTS: dict[str, Callable[[_Runner, Syntax], Outcome]] = {
    "list": _Runner._list,
    "negated_command": _Runner._negated,
    "subshell": _Runner._forked,
    "pipeline": _Runner._pipeline,
    "compound_statement": _Runner._compound,
    "if_statement": _Runner._if,
    "case_statement": _Runner._case,
    "for_statement": _Runner.for_loop,
    "while_statement": _Runner.while_loop,
    "c_style_for_statement": _Runner.counting_loop,
    "function_definition": _Runner._function,
    "test_command": _Runner.test_command,
    "variable_assignment": _Runner.assignment,
    "declaration_command": _Runner.declaration,
    "unset_command": _Runner.unset,
    "command": _Runner.command,
    "redirected_statement": _Runner.redirected,
}
