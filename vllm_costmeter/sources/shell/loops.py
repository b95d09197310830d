"""`for`, `while` and `until`, round by round as far as their conditions are known."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

from vllm_costmeter.sources.shell.commands import SimpleCommands
from vllm_costmeter.sources.shell.conditions import arithmetic_truth
from vllm_costmeter.sources.shell.outcome import ExitError, LoopError, Outcome
from vllm_costmeter.sources.shell.syntax import ShellError, Syntax
from vllm_costmeter.sources.shell.values import unknown

MOST_ROUNDS = 200
_UNKNOWABLE = (Outcome.UNDECIDED, Outcome.ASSUMED)


class Loops(SimpleCommands):
    """Loops of one shell."""

    @abstractmethod
    def run_all(self, nodes: Sequence[Syntax]) -> Outcome:
        """Statements in turn; the outcome is the last one's."""

    @abstractmethod
    def either(self, *ways: Callable[[], object]) -> None:
        """Each of these ways from the same state, where it is not known which is taken."""

    def for_loop(self, node: Syntax) -> Outcome:
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

    def while_loop(self, node: Syntax) -> Outcome:
        conditions, body = node.under("condition"), node.under("body")
        is_until = node.children[0].kind == "until"
        for _ in range(MOST_ROUNDS):
            before = self.variables.copy()
            outcome = self.run_all(conditions)
            outcome = outcome.opposite() if is_until else outcome
            if outcome is Outcome.NO:
                return Outcome.ASSUMED
            if outcome in _UNKNOWABLE:
                self.either(lambda: self._round(body), lambda: None)
                return Outcome.ASSUMED
            if not self._round(body):
                return Outcome.ASSUMED
            if self.variables.equals(before):
                raise ExitError  # a loop without an end
        raise ShellError(node.line, f"a loop of more than {MOST_ROUNDS} rounds is not read")

    def counting_loop(self, node: Syntax) -> Outcome:
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
            self.run_all(body)
        except LoopError as leave:
            if leave.levels > 1:
                raise LoopError(leave.levels - 1, goes_on=leave.goes_on) from None
            return leave.goes_on
        return True
