"""Names of tenants, which come from clients."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.tenants.names import (
    KEY_PREFIX,
    LONGEST_NAME,
    OTHER,
    RESERVED,
    UNTAGGED,
    hashed,
    normalised,
    of_key,
)
from vllm_costmeter.core.tenants.numbers import OTHER_NUMBER, UNTAGGED_NUMBER, TenantNumbers

SECRET = b"0" * 32


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("team-a", "team-a"),
        ("  Team   A\t", "Team A"),
        ('evil"} 1\ncostmeter_cost_usd_total 9', 'evil"} 1 costmeter_cost_usd_total 9'),
        ("e\u0301quipe", "\u00e9quipe"),
        ("\x00\x1b[31m", "[31m"),
        ("   ", ""),
        ("", ""),
        ("key:0123456789ab", "key_0123456789ab"),
        ("t:0123456789ab", "t_0123456789ab"),
        (" (idle) ", "_idle)"),
        ("(unattributed)", "_unattributed)"),
        ("(a) team", "(a) team"),
    ],
)
def test_a_name_is_kept_readable_and_can_forge_nothing(raw: str, kept: str) -> None:
    """Spaces and control characters become single spaces; what looks like a key's digest does no longer."""
    assert normalised(raw) == kept


@given(st.text(max_size=300))
def test_any_text_becomes_a_short_printable_name_that_stays_as_it_is(raw: str) -> None:
    """Bounded, printable, and the same when it is normalised again."""
    name = normalised(raw)
    assert len(name) <= LONGEST_NAME
    assert name.isprintable()
    assert normalised(name) == name
    assert not name.startswith(KEY_PREFIX)


def test_long_names_that_begin_alike_stay_apart() -> None:
    """A digest of the whole name ends what is kept of it; eight kilobytes are no problem."""
    one, other = normalised("x" * 8000 + "1"), normalised("x" * 8000 + "2")
    assert one != other
    assert len(one) == len(other) == LONGEST_NAME


def test_keys_and_hashes_show_nothing_of_what_they_stand_for() -> None:
    """The same with the same secret, another with another; a key's digest and the reserved names are not hashed."""
    tenant = of_key("sk-very-secret", SECRET)
    assert tenant.startswith(KEY_PREFIX)
    assert "secret" not in tenant
    assert tenant == of_key("sk-very-secret", SECRET) != of_key("sk-very-secret", b"1" * 32)
    assert "team" not in hashed("team-a", SECRET)
    assert [hashed(name, SECRET) for name in (*RESERVED, tenant)] == [UNTAGGED, OTHER, tenant]


def test_the_number_of_names_is_bounded() -> None:
    """Of 100,000 tenants the first 100 are told apart; the rest is `other`, and a known one stays known."""
    numbers = TenantNumbers(100)
    given = [numbers.of(f"tenant {at}") for at in range(100_000)]
    assert len(set(given)) == 101
    assert set(given[100:]) == {OTHER_NUMBER}
    assert numbers.name(numbers.of("tenant 7")) == "tenant 7"
    assert numbers.of("") == numbers.of(UNTAGGED) == UNTAGGED_NUMBER
    assert numbers.name(numbers.of(OTHER)) == numbers.name(10**9) == OTHER
