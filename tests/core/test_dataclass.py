"""Our `dataclass` makes what the standard library's makes: each case is asked of both."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from vllm_costmeter.core import dataclass as ours


def _classes(kind: Any) -> dict[str, type]:
    @kind.dataclass(frozen=True, slots=True)
    class Point:
        x: int
        y: float = 2.0
        tags: tuple[str, ...] = ()
        seen: dict[str, int] = kind.field(default_factory=dict, compare=False)
        memo: list[int] = kind.field(default_factory=list, init=False, repr=False, compare=False)
        note: str = kind.field(default="", hash=False, metadata={"unit": "none"})
        kinds: ClassVar[int] = 3

        def moved(self) -> Point:
            return kind.replace(self, x=self.x + 1)

    @kind.dataclass(slots=True)
    class Total:
        tokens: int = 0

    @kind.dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        major: int
        minor: int

    @kind.dataclass(frozen=True, slots=True)
    class Checked:
        value: int

        def __post_init__(self) -> None:
            if self.value < 0:
                raise ValueError("negative")

    @kind.dataclass(frozen=True, slots=True)
    class Nearer(Point):
        z: int = 0

    @kind.dataclass(frozen=True, slots=True, repr=False)
    class Empty:
        pass

    return {each.__name__: each for each in (Point, Total, Ordered, Checked, Nearer, Empty)}


OURS, STANDARD = _classes(ours), _classes(dataclasses)

CASES: dict[str, Callable[[dict[str, type]], Any]] = {
    "repr": lambda made: repr(made["Point"](1, seen={"a": 1})),
    "keywords": lambda made: repr(made["Point"](y=1.5, x=2)),
    "defaults are not shared": lambda made: made["Point"](1).seen is made["Point"](1).seen,
    "equal": lambda made: made["Point"](1, seen={"a": 1}) == made["Point"](1),
    "not equal": lambda made: made["Point"](1) == made["Point"](2),
    "not equal to another class": lambda made: made["Point"](1) == made["Nearer"](1),
    "hash": lambda made: hash(made["Point"](1, note="a")) == hash(made["Point"](1, note="b")),
    "hash of one that changes": lambda made: hash(made["Total"]()),
    "a set": lambda made: len({made["Checked"](1), made["Checked"](1), made["Checked"](2)}),
    "order": lambda made: repr(sorted([made["Ordered"](1, 2), made["Ordered"](0, 9)])),
    "no order": lambda made: made["Point"](1) < made["Point"](2),
    "frozen": lambda made: setattr(made["Point"](1), "x", 2),
    "frozen against deletion": lambda made: delattr(made["Point"](1), "x"),
    "changes where not frozen": lambda made: setattr(made["Total"](), "tokens", 2),
    "no other attributes": lambda made: setattr(made["Total"](), "token", 2),
    "one argument missing": lambda made: made["Point"](),
    "an unknown argument": lambda made: made["Point"](1, w=2),
    "too many arguments": lambda made: made["Checked"](1, 2),
    "what is not an argument": lambda made: made["Point"](1, memo=[]),
    "checked": lambda made: made["Checked"](-1),
    "replace checks": lambda made: dataclasses.replace(made["Checked"](1), value=-1),
    "replace by the standard library": lambda made: repr(dataclasses.replace(made["Point"](1), y=3)),
    "a method": lambda made: made["Point"](1).moved().x,
    "inherits fields": lambda made: repr(made["Nearer"](1, z=4)),
    "copy": lambda made: repr(copy.deepcopy(made["Point"](1, seen={"a": 1}))),
    "as a dict": lambda made: dataclasses.asdict(made["Nearer"](1, seen={"a": 1})),
    "names and types": lambda made: [
        (each.name, str(each.type)) for each in dataclasses.fields(made["Nearer"])
    ],
    "metadata": lambda made: [dict(each.metadata) for each in dataclasses.fields(made["Point"])],
    "is one": lambda made: dataclasses.is_dataclass(made["Point"]),
    "patterns": lambda made: made["Nearer"].__match_args__,
    "class variables": lambda made: made["Point"].kinds,
    "no fields": lambda made: (made["Empty"]() == made["Empty"](), hash(made["Empty"]())),
}


@pytest.mark.parametrize("case", CASES)
def test_a_class_behaves_as_the_standard_librarys(case: str) -> None:
    assert _outcome(CASES[case], OURS) == _outcome(CASES[case], STANDARD)


def _outcome(case: Callable[[dict[str, type]], Any], made: dict[str, type]) -> tuple[type | None, Any]:
    try:
        return None, case(made)
    except (AttributeError, TypeError, ValueError) as error:
        return type(error), str(error) if isinstance(error, ValueError) else None


@ours.dataclass(frozen=True, slots=True)
class Pickled:
    """At module level, so that pickle finds it."""

    size: int
    names: tuple[str, ...] = ()


def test_a_value_survives_pickle() -> None:
    assert pickle.loads(pickle.dumps(Pickled(1, ("a",)))) == Pickled(1, ("a",))


def test_fields_and_replace_are_the_standard_librarys() -> None:
    assert [each.name for each in ours.fields(Pickled)] == [each.name for each in dataclasses.fields(Pickled)]
    assert ours.replace(Pickled(1), size=2) == Pickled(2)


def test_a_mutable_default_is_an_error() -> None:
    with pytest.raises(ValueError, match="default_factory"):

        @ours.dataclass(frozen=True, slots=True)
        class Shared:
            names: list[str] = []  # noqa: RUF012 (what is rejected)


def test_neither_dataclasses_nor_inspect_is_loaded_for_a_value() -> None:
    code = "import sys; from vllm_costmeter.core.gpu.group import GpuGroup; hash(GpuGroup('a', 1)); "
    code += "print({'dataclasses', 'inspect'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_an_instance_made_while_python_ends_leaves_its_exit_status() -> None:
    """A server that Ctrl-C ends in its first second ends by that signal, as without the plugin."""
    program = (
        "import atexit\nfrom vllm_costmeter.core.dataclass import dataclass\n"
        "@dataclass(slots=True)\nclass Made:\n  value: int\natexit.register(lambda: Made(1))\nraise KeyboardInterrupt"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == -signal.SIGINT, done.stderr
