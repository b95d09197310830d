"""Run a script's statements in order, without executing anything: what it starts, with which words.

A condition that only the machine knows is taken both ways: each way's programs count, and a variable that differs
is not known behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vllm_costmeter.sources.shell.commands import SimpleCommands
from vllm_costmeter.sources.shell.conditions import arithmetic_truth
from vllm_costmeter.sources.shell.machine import Machine
from vllm_costmeter.sources.shell.outcome import ExitError, LeaveError, LoopError, Outcome, ReturnError
from vllm_costmeter.sources.shell.parameters import matcher
from vllm_costmeter.sources.shell.syntax import ShellError, Syntax, parse
from vllm_costmeter.sources.shell.values import Variables, unknown

MOST_ROUNDS = 200
_UNKNOWABLE = (Outcome.UNDECIDED, Outcome.ASSUMED)


def run_script(
    script: str, variables: Variables, machine: Machine, first_line: int = 1, depth: int = 0
) -> None:
    """Add the programs that the script starts to `machine`. ShellError for what is not a shell script."""
    try:
        _Runner(variables, machine, depth).script(script, first_line)
    except RecursionError:
        raise ShellError(first_line, "the script is nested too deeply to be read") from None


class _Runner(SimpleCommands):
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
        outcome = self.run(left)
        goes_on = Outcome.YES if sign == "&&" else Outcome.NO
        if outcome is goes_on or (outcome is Outcome.ASSUMED and sign == "&&"):
            return self.run(right)
        if outcome in _UNKNOWABLE:
            self._either(lambda: self.run(right), lambda: None)
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

    def _either(self, *ways: Callable[[], object]) -> None:
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
            self.variables.become_either(self.variables.copy(), other)

    def _if(self, node: Syntax) -> Outcome:
        ways = _branches(node)
        return self._chosen(ways)

    def _chosen(self, ways: Sequence[tuple[list[Syntax], list[Syntax]]]) -> Outcome:
        if not ways:
            return Outcome.YES
        (conditions, body), rest = ways[0], ways[1:]
        outcome = self._all(conditions) if conditions else Outcome.YES
        if outcome is Outcome.YES:
            return self._all(body)
        if outcome is Outcome.NO:
            return self._chosen(rest)
        self._either(lambda: self._all(body), lambda: self._chosen(rest))
        return Outcome.ASSUMED

    def _all(self, nodes: Sequence[Syntax]) -> Outcome:
        outcome = Outcome.YES
        for number, each in enumerate(nodes):
            behind = nodes[number + 1].kind if number + 1 < len(nodes) else ""
            if each.kind in _STATEMENTS or each.kind in _GROUPS:
                outcome = self._forked(each) if behind == "&" else self.run(each)
        return outcome

    def _case(self, node: Syntax) -> Outcome:
        subject = self.expander.text(next(iter(node.under("value")), None))
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
            return self._all(undecided[0])
        if undecided:
            self._either(*[lambda body=body: self._all(body) for body in undecided], lambda: None)
        return Outcome.ASSUMED

    def _for(self, node: Syntax) -> Outcome:
        name = node.under("variable")[0].text
        given = node.under("value")
        is_listed = any(each.kind == "in" for each in node.children)
        fields = [field for each in given for field in self.expander.fields(each)]
        values = [field.value for field in fields] if is_listed else list(self.variables.arguments)
        if any("*" in value.text for value in values) or any(field.is_open for field in fields):
            values = [unknown(f"${name}")]
        if len(values) > MOST_ROUNDS:
            raise ShellError(node.line, f"a loop of more than {MOST_ROUNDS} rounds is not read")
        body = node.under("body")
        for value in values:
            self.variables.set(name, value)
            if not self._round(body):
                break
        return Outcome.ASSUMED

    def _while(self, node: Syntax) -> Outcome:
        conditions, body = node.under("condition"), node.under("body")
        is_until = node.children[0].kind == "until"
        for _ in range(MOST_ROUNDS):
            before = self.variables.copy()
            outcome = self._all(conditions)
            outcome = outcome.opposite() if is_until else outcome
            if outcome is Outcome.NO:
                return Outcome.ASSUMED
            if outcome in _UNKNOWABLE:
                self._either(lambda: self._round(body), lambda: None)
                return Outcome.ASSUMED
            if not self._round(body):
                return Outcome.ASSUMED
            if self.variables.equals(before):
                raise ExitError  # a loop without an end
        raise ShellError(node.line, f"a loop of more than {MOST_ROUNDS} rounds is not read")

    def _c_for(self, node: Syntax) -> Outcome:
        parts: list[list[Syntax]] = [[]]
        for each in node.children:
            if each.kind in ("))", "do_group"):
                break
            if each.kind == ";":
                parts.append([])
            elif each.kind not in ("for", "(("):
                parts[-1].append(each)
        start, condition, step = [*parts, [], [], []][:3]
        for each in start:
            arithmetic_truth(self.expander, each)
        for _ in range(MOST_ROUNDS):
            truth = all(arithmetic_truth(self.expander, each) for each in condition)
            if not truth or not self._round(node.under("body")):
                return Outcome.ASSUMED
            for each in step:
                arithmetic_truth(self.expander, each)
        raise ShellError(node.line, f"a loop of more than {MOST_ROUNDS} rounds is not read")

    def _round(self, body: Sequence[Syntax]) -> bool:
        """One round of a loop; False where it leaves the loop."""
        try:
            self._all(body)
        except LoopError as leave:
            if leave.levels > 1:
                raise LoopError(leave.levels - 1, goes_on=leave.goes_on) from None
            return leave.goes_on
        return True

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
    "for_statement": _Runner._for,
    "while_statement": _Runner._while,
    "c_style_for_statement": _Runner._c_for,
    "function_definition": _Runner._function,
    "test_command": _Runner.test_command,
    "variable_assignment": _Runner.assignment,
    "declaration_command": _Runner.declaration,
    "unset_command": _Runner.unset,
    "command": _Runner.command,
    "redirected_statement": _Runner.redirected,
}
