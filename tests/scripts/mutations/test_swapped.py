"""Faults put into code that is loaded, and the statements that tests run."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from scripts.mutations.__main__ import chosen
from scripts.mutations.code_swap import loaded_functions, swap
from scripts.mutations.constants import Users, assigned_at, rebind
from scripts.mutations.line_marks import NOTED, marked
from scripts.mutations.operators import count, mutant

CODE = """\
from __future__ import annotations

LIMIT = 3


def bill(tokens):
    \"\"\"In dollars.\"\"\"
    if tokens > LIMIT:
        return tokens * 2
    elif tokens == 0:
        return 0
    return max(each + 1 for each in range(tokens))


class Meter:
    def add(self, tokens):
        return (lambda each: each - 1)(tokens)
"""


@pytest.fixture
def loaded(tmp_path: Path) -> ModuleType:
    """The code as a module, of a file of its own."""
    (tmp_path / "billed.py").write_text(CODE)
    spec = importlib.util.spec_from_file_location("billed", tmp_path / "billed.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _number(before: str, after: str) -> int:
    faults = (mutant("billed.py", CODE, number) for number in range(count(CODE)))
    return next(each.number for each in faults if (each.before, each.after) == (before, after))


@pytest.mark.parametrize(
    ("fault", "asked", "answer"),
    [
        (("tokens > LIMIT", "tokens >= LIMIT"), lambda code: code.bill(3), 6),
        (("each + 1", "each - 1"), lambda code: code.bill(3), 1),
        (("each - 1", "each + 1"), lambda code: code.Meter().add(5), 6),
    ],
    ids=["function", "generator", "lambda of a method"],
)
def test_a_loaded_function_gets_the_fault(
    fault: tuple[str, str], asked: Callable[[ModuleType], int], answer: int, loaded: ModuleType
) -> None:
    """Also where the code is nested in a function; what has imported the function has the fault too."""
    file = Path(str(loaded.__file__))
    assert swap(loaded_functions(file.parent), file, _number(*fault)) > 0
    assert asked(loaded) == answer


def test_a_fault_of_what_runs_at_import_is_in_no_function(loaded: ModuleType, tmp_path: Path) -> None:
    """LIMIT has been read already: such a fault needs another import."""
    assert loaded.LIMIT == 3
    assert swap(loaded_functions(tmp_path), tmp_path / "billed.py", _number("3", "4")) == 0


def test_each_statement_that_runs_is_noted_with_its_line() -> None:
    """Those of branches that are not taken are not."""
    seen: set[tuple[str, int]] = set()
    names: dict[str, object] = {NOTED: seen.add}
    exec(compile(marked(CODE, "billed.py"), "billed.py", "exec", dont_inherit=True), names)
    seen.clear()
    bill = names["bill"]
    assert callable(bill)
    assert bill(2) == 2
    assert {line for _, line in seen} == {8, 10, 12}


def test_a_sample_of_all_faults_has_each_of_them_once() -> None:
    """Without replacement, in an order that the seed gives."""
    every = [("vllm_costmeter/core/pricing/money.py", number) for number in range(5)]
    first, second = ([(each.file, each.number) for each in chosen(every, 300, seed)] for seed in (1, 2))
    assert sorted(first) == sorted(second) == every
    assert first != second


def test_a_constant_is_another_wherever_it_was_imported(
    loaded: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the statements that use it are known."""
    importer = ModuleType("importer")
    importer.LIMIT = loaded.LIMIT  # type: ignore[attr-defined]
    for module in (loaded, importer):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    file = Path(str(loaded.__file__))
    assert rebind("billed", file, _number("3", "4")) == ["LIMIT"]
    assert (loaded.LIMIT, importer.LIMIT, loaded.bill(4)) == (4, 4, 4)
    assert assigned_at(file, 3) == ["LIMIT"]
    assert Users([file.parent]).of("LIMIT") == {(str(file), 3), (str(file), 8)}
