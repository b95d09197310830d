"""Plans as people write them, on a command line and in a file."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.economics.use_request import UseRequest
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.money import exact
from vllm_costmeter.sources.purchase_plans.file import read_plans
from vllm_costmeter.sources.purchase_plans.text import parse_plan, parse_use


def test_a_mixed_plan() -> None:
    """A name, two deployments, and a purpose."""
    plan = parse_plan("mixed = RTX 4090 160h + 8x H100 SXM 20h training")
    assert plan.name == "mixed"
    assert plan.uses == (
        UseRequest("RTX 4090", Fraction(160)),
        UseRequest("8x H100 SXM", Fraction(20), purpose="training"),
    )


def test_every_word() -> None:
    """In any order behind the GPU."""
    found = parse_use("2x L40S @1.19 40h/week 2550tok/s 50% owned")
    assert found == UseRequest(
        "2x L40S",
        Fraction(520, 3),
        usd_per_gpu_hour=exact("1.19"),
        is_owned=True,
        tokens_per_second=Fraction(2550),
        utilisation=Fraction(1, 2),
    )
    assert parse_use("8x H100 @30.75/node 1h").usd_per_hour == exact("30.75")


def test_tokens_at_a_rate_take_their_hours() -> None:
    """A billion tokens at 62,000 a second are 4.48 hours."""
    assert round(float(parse_use("8x H100 1Gtok 62000tok/s training").stated_hours()), 2) == 4.48


@pytest.mark.parametrize(
    "text",
    [
        "",
        "160h",
        "4090 1h 2h",
        "4090 0h",
        "4090 -3h",
        "4090 150% 1h",
        "4090 @0 1h",
        "4090 1h + ",
        "4090 2h x @3",
        "4090 1h 0tok/s",
    ],
)
def test_a_fault_is_one_line(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(BadInputError):
        parse_plan(text)


def test_hours_are_asked_for() -> None:
    """Without them, or tokens and a rate, a plan costs nothing that can be known."""
    with pytest.raises(BadInputError, match="no hours"):
        parse_use("RTX 4090").stated_hours()


@given(st.text(alphabet="0123456789hx@%+= RTXtok/s.-", max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    """A plan or BadInputError."""
    with contextlib.suppress(BadInputError):
        parse_plan(text)


def test_a_file_says_the_same(tmp_path: Path) -> None:
    """Tables for those who keep their plans."""
    file = tmp_path / "plans.toml"
    file.write_text(
        '[[plan]]\nname = "mixed"\n[[plan.use]]\ngpu = "RTX 4090"\nhours = 160\nutilization = "50%"\n'
        '[[plan.use]]\ngpu = "H100 SXM"\nhours = 20\npurpose = "training"\npurchase_usd = 30000\n'
    )
    (plan,) = read_plans(file)
    assert plan.name == "mixed"
    assert plan.uses[0] == UseRequest("RTX 4090", Fraction(160), utilisation=Fraction(1, 2))
    assert plan.uses[1].is_owned
    assert plan.uses[1].owned == {"purchase_usd": Fraction(30000)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plan = 3", r"\[\[plan\]\] is missing"),
        ("[[plan]]\nname = 'a'", r"plan 1: \[\[plan.use\]\] is missing"),
        ("[[plan]]\nname = 'a'\n[[plan.use]]\ngpu = 'x'\nhuors = 3", "nearest: hours"),
        ("[[plan]]\nname = 'a'\n[[plan.use]]\ngpu = 'x'\nhours = 0", "use 1: hours must be a number above 0"),
        ("[[plan]]\nname = 'a'\n[[plan.use]]\ngpu = 'x'\npurpose = 'fun'", "purpose must be"),
        ("not toml", "is not valid TOML"),
    ],
)
def test_a_fault_in_a_file_names_its_place(tmp_path: Path, text: str, said: str) -> None:
    """The plan, the use and the key."""
    file = tmp_path / "plans.toml"
    file.write_text(text)
    with pytest.raises(BadInputError, match=said):
        read_plans(file)


def test_billing_terms() -> None:
    """A step and a minimum, both above zero."""
    found = parse_use("H100 SXM 10h by0.5h min24h")
    assert (found.billed_by_hours, found.minimum_hours) == (Fraction(1, 2), 24)
    for word in ("by0h", "min-1h"):
        with pytest.raises(BadInputError, match="above 0"):
            parse_use(f"H100 SXM 10h {word}")
