"""The bill divided among tenants."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.ledger.tenants import (
    IDLE_RULES,
    IdleDivision,
    idle_division,
    tenant_lines,
    unseen_reservations,
)
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.core.meter.shares.share import Share

USAGE = Usage(active_rental_usd=10.0, idle_rental_usd=6.0, asleep_electricity_usd=2.0)
SHARES = (("a", Share(6.0, finished_requests=3)), ("b", Share(2.0)), ("untagged", Share(1.0)))
RESERVED = {"a": 0.5, "new": 0.25}


def lines(division: IdleDivision) -> dict[str, tuple[float, float]]:
    """(cost, of it idle) by name."""
    return {
        line.keys[-1]: (line.usd, line.idle_usd) for line in tenant_lines(("m",), USAGE, SHARES, division)
    }


@pytest.mark.parametrize("rule", IDLE_RULES)
def test_the_lines_add_up_to_the_bill_whatever_the_rule(rule: str) -> None:
    """Tenants, untagged, unattributed and idle: nothing is missing, nothing twice."""
    division = IdleDivision(rule, RESERVED if rule == "by-reservation" else {})  # type: ignore[arg-type]
    assert sum(usd for usd, _ in lines(division).values()) == pytest.approx(USAGE.usd())


def test_apart_keeps_idle_and_asleep_on_lines_of_their_own() -> None:
    """And what no request that ended took."""
    assert lines(IdleDivision()) == {
        "a": (6.0, 0.0),
        "b": (2.0, 0.0),
        "untagged": (1.0, 0.0),
        "(unattributed)": (1.0, 0.0),
        "(idle)": (6.0, 0.0),
        "(asleep)": (2.0, 0.0),
    }


def test_by_use_divides_in_proportion_to_cost() -> None:
    """Untagged requests pay their part too; unattributed cost does not."""
    found = lines(IdleDivision("by-use"))
    assert found["a"] == pytest.approx((6 + 8 * 6 / 9, 8 * 6 / 9))
    assert found["(unattributed)"] == (1.0, 0.0)
    assert found.keys() == {"a", "b", "untagged", "(unattributed)"}
    (unused,) = tenant_lines((), Usage(idle_rental_usd=1.0), (), IdleDivision("by-use"))
    assert (unused.keys, unused.usd) == (("(idle)",), 1.0)


def test_by_reservation_charges_what_is_reserved_used_or_not() -> None:
    """A tenant without a request pays for its part; the rest is nobody's."""
    found = lines(IdleDivision("by-reservation", RESERVED))
    assert found["a"] == pytest.approx((10.0, 4.0))
    assert found["new"] == pytest.approx((2.0, 2.0))
    assert found["b"] == (2.0, 0.0)
    assert found["(not reserved)"] == pytest.approx((2.0, 0.0))


@pytest.mark.parametrize(
    ("rule", "reserved", "said"),
    [
        ("by-uze", [], "nearest: by-use"),
        ("by-reservation", [], "belong together"),
        ("by-use", ["a=0.5"], "belong together"),
        (None, ["a"], "TENANT=FRACTION"),
        (None, ["a=1.5"], "TENANT=FRACTION"),
        (None, ["a=-1"], "TENANT=FRACTION"),
        (None, ["a=nan"], "TENANT=FRACTION"),
        (None, ["=0.5"], "TENANT=FRACTION"),
        (None, ["a=0.5", "a=0.2"], "twice"),
        (None, ["a=0.6", "b=0.5"], "at most 1"),
    ],
)
def test_a_division_that_is_none_is_one_line(rule: str | None, reserved: list[str], said: str) -> None:
    """What was given and what is allowed."""
    with pytest.raises(BadInputError, match=said):
        idle_division(rule, reserved)


def test_a_rule_from_the_environment_is_named_as_such() -> None:
    """So that nobody looks for it on the command line."""
    with pytest.raises(BadInputError, match=r"^COSTMETER_TENANT_IDLE 'by-uze'; nearest: by-use"):
        idle_division("by-uze", [], "COSTMETER_TENANT_IDLE")


def test_percent_and_names_as_they_are_kept() -> None:
    """`50%` is a half; a name with `=` in it is possible, and that of an API key."""
    reserved = [" team  a =50%", "x=y=0.25", "key:0123456789ab=0.2"]
    assert idle_division(None, reserved) == IdleDivision(
        "by-reservation", {"team a": 0.5, "x=y": 0.25, "key:0123456789ab": 0.2}
    )


@pytest.mark.parametrize(
    ("seen", "unseen"), [(("a", "new"), []), (("a", "b"), ["new"]), (("newt", "a", "new"), [])]
)
def test_a_reservation_without_a_request_is_named(seen: tuple[str, ...], unseen: list[str]) -> None:
    """It may be of a tenant that has not begun."""
    assert unseen_reservations(IdleDivision("by-reservation", RESERVED), seen) == unseen


def test_a_misspelt_reservation_names_the_nearest_tenant() -> None:
    """Unless that one has a reservation of its own: team-a and team-b are two teams."""
    division = IdleDivision("by-reservation", {"team-aa": 0.5})
    with pytest.raises(BadInputError, match=r"--reserved team-aa: .*nearest: team-a"):
        unseen_reservations(division, ("team-a", "untagged"))
    both = IdleDivision("by-reservation", {"team-a": 0.5, "team-b": 0.5})
    assert unseen_reservations(both, ("team-a",)) == ["team-b"]
