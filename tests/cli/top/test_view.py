"""What a key changes of what is seen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.cli.top.keyboard import NAMES, keys_in
from vllm_costmeter.cli.top.view import View
from vllm_costmeter.core.fleet.order import KEYS

ROWS, VISIBLE = 200, 40


def after(*keys: str, view: View | None = None) -> View:
    """The view after these keys."""
    view = view or View("given")
    for key in keys:
        view = view.after(key, ROWS, VISIBLE)
    return view


def test_sorting_goes_through_every_column_and_back() -> None:
    """And begins again at the first."""
    assert [after(*("s" * n)).sort for n in range(len(KEYS))] == list(KEYS)
    assert after(*("s" * len(KEYS))) == after("S", "s") == View("given")
    assert after("r").backwards
    assert not after("r", "r").backwards


def test_scrolling_stays_within_the_rows() -> None:
    """However often; a new order begins at the top."""
    assert after(*["page down"] * 10).first == after("end").first == after("G").first == ROWS - VISIBLE
    assert after("up").first == after("end", "home").first == 0
    assert after("down", "j", "k").first == 1
    assert after("end", "s").first == after("end", "/").first == 0


def test_while_typing_keys_are_letters() -> None:
    """q and s too; Enter keeps the text, Escape drops it, and after both they are keys again."""
    typed = after("/", "s", "q", "x", "backspace", "up")
    assert typed == View("given", text="sq", is_typing=True)
    assert after("enter", "r", view=typed) == View("given", backwards=True, text="sq")
    assert after("escape", view=typed) == after("enter", "escape", view=typed) == View("given")


def test_what_a_terminal_sends_is_read_as_keys() -> None:
    """Several at once, and sequences of keys that mean nothing here as nothing."""
    assert keys_in("s\x1b[Bq") == ["s", "down", "q"]
    assert keys_in("\x1b[1;5C\x1b[3~/\x7f\r") == ["/", "backspace", "enter"]
    assert keys_in("\x1b") == ["escape"]
    for sequence, name in NAMES.items():
        assert keys_in(sequence) == [name]


@given(st.text(alphabet=st.characters(max_codepoint=0x2FF) | st.just("\x1b"), max_size=30))
def test_no_input_breaks_it(text: str) -> None:
    """Whatever a terminal, or a cat, sends."""
    for key in keys_in(text):
        view = after("/").after(key, 0, 1).after(key, 3, 10)
        assert view.first == 0
        assert view.text.isprintable()
