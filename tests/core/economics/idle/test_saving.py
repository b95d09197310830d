"""What is chosen of several ways to save."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.economics.idle.return_times import ReturnTimes
from vllm_costmeter.core.economics.idle.saving import Delays, ModelSavings, Saving, Way


def saving(way: Way, usd: float, delayed: int = 0, on_the_bill: bool = True) -> Saving:
    return Saving(way, f"{usd:g}", usd, Delays(delayed), 1, on_the_bill)


def model(*savings: Saving, requests: float = 100) -> ModelSavings:
    return ModelSavings("m", 50.0, requests, 0.5, 1, savings, (), ReturnTimes(None, None, None))


@pytest.mark.parametrize(
    ("delays", "mean"),
    [(Delays(4, 10.0, 5.0), 2.5), (Delays(4, None, None), None), (Delays(), None), (Delays(0, 10.0), None)],
)
def test_the_mean_wait_is_of_those_who_wait(delays: Delays, mean: float | None) -> None:
    """Unknown if it is, and if nobody does."""
    assert delays.mean_seconds == mean


def test_waits_add_up_and_the_longest_stays_the_longest() -> None:
    """One that is not known makes the sum unknown; how many wait is known all the same."""
    first, second = Delays(2, 10.0, 7.0), Delays(3, 5.0, 2.0)
    assert first.plus(second) == second.plus(first) == Delays(5, 15.0, 7.0)
    assert Delays().plus(Delays()) == Delays(0, 0.0, 0.0)
    for delays in (first.plus(Delays(1, None, None)), Delays(1, None, None).plus(first)):
        assert delays == Delays(3, None, None)


def test_the_delayed_share_is_of_all_requests() -> None:
    """Without any, nobody is delayed."""
    found = saving("sleep_level_1", 1.0, 5)
    assert model(found).delayed_share(found) == 0.05
    assert model(found, requests=0).delayed_share(found) == 0
    assert model(found, requests=0).best("sleep_level_1", 0.0) == found


def test_the_best_of_a_way_saves_most_among_those_that_may_delay_so_many() -> None:
    """Up to the share itself; what saves nothing is not chosen, nor is another way."""
    found = model(
        saving("scale_to_zero", 3.0, 1),
        saving("scale_to_zero", 4.0, 5),
        saving("scale_to_zero", 9.0, 6),
        saving("sleep_level_1", 99.0),
        saving("sleep_level_2", 0.0),
    )
    chosen = [found.best("scale_to_zero", share) for share in (0.05, 0.049, 0.001, 1.0)]
    assert [each.usd if each else None for each in chosen] == [4.0, 3.0, None, 9.0]
    assert found.best("sleep_level_2", 1.0) is None
    assert found.best("fewer_replicas", 1.0) is None


def test_what_lowers_the_bill_comes_first_and_then_what_is_worth_more() -> None:
    """One of each way."""
    found = model(
        saving("sleep_level_1", 99.0, on_the_bill=False),
        saving("sleep_level_2", 100.0, on_the_bill=False),
        saving("cheaper_gpu", 1.0),
        saving("cheaper_gpu", 2.0),
        saving("scale_to_zero", 3.0),
        saving("fewer_replicas", 0.0),
    )
    assert [each.usd for each in found.chosen(1.0)] == [3.0, 2.0, 100.0, 99.0]
