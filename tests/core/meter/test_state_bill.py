"""The bill by state."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.meter.state_bill import StateBill, StateSeconds, split_by_state


@pytest.mark.parametrize(
    ("seconds", "active", "idle", "asleep"),
    [
        ((1.0, 4.0, 3.0), 1.0, 4.0, 3.0),
        ((0.125, 0.25, 0.125), 2.0, 4.0, 2.0),
        ((0.0, 0.0, 5.0), 0.0, 0.0, 8.0),
        ((5.0, 0.0, 0.0), 8.0, 0.0, 0.0),
        ((0.0, 0.0, 0.0), 0.0, 8.0, 0.0),
    ],
)
def test_money_follows_the_seconds(
    seconds: tuple[float, float, float], active: float, idle: float, asleep: float
) -> None:
    """Eight dollars in proportion; an interval without length is idle."""
    assert split_by_state(8.0, StateSeconds(*seconds)) == {"active": active, "idle": idle, "asleep": asleep}


@pytest.mark.parametrize(
    ("usd", "active", "asleep"), [(0.1, 1.0, 4.0), (0.3, 3.0, 10.0), (0.7, 1.0, 5.0), (3.3, 1.0, 4.0)]
)
def test_sleep_never_takes_more_than_is_left(usd: float, active: float, asleep: float) -> None:
    """Each part is rounded; rounded up, two of them would be more than there is."""
    parts = split_by_state(usd, StateSeconds(active, 0.0, asleep))
    assert parts["active"] + parts["asleep"] <= usd
    assert min(parts.values()) >= 0
    assert sum(parts.values()) == pytest.approx(usd, rel=1e-15)


def test_totals_are_of_all_components_or_of_one_state() -> None:
    """Gpu seconds are those of all GPUs of the engine."""
    bill = StateBill()
    assert bill.charge("rental", 8.0, StateSeconds(1.0, 4.0, 3.0)) == 1.0
    assert bill.charge("overhead", 4.0, StateSeconds(1.0, 1.0, 0.0)) == 2.0
    bill.spend(3, StateSeconds(1.0, 4.0, 3.0))
    assert bill.total_usd() == 12.0
    assert [bill.total_usd(state) for state in ("active", "idle", "asleep")] == [3.0, 6.0, 3.0]
    assert bill.gpu_seconds() == {"active": 3.0, "idle": 12.0, "asleep": 9.0}
