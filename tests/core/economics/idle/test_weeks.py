"""What is predicted from minutes against a replay of every request."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from idle_weeks import Request, bursts, office, recorded, replayed_usd, sparse

from vllm_costmeter.core.economics.idle.return_times import ReturnTimes
from vllm_costmeter.core.economics.idle.saving import ModelSavings, Saving
from vllm_costmeter.core.economics.idle.savings import TIME_OUTS_SECONDS, model_savings

START_SECONDS = 95.0
WEEKS: dict[str, Callable[[int], list[Request]]] = {"office": office, "bursts": bursts, "sparse": sparse}


def judged(*servers: list[Request]) -> ModelSavings:
    """From their minutes alone."""
    replicas = [recorded(requests, f"server {at}") for at, requests in enumerate(servers)]
    return model_savings(replicas, ReturnTimes(START_SECONDS, 3.0, None), TIME_OUTS_SECONDS, None, ())


def to_zero(found: ModelSavings) -> list[Saving]:
    """By time-out."""
    return [saving for saving in found.savings if saving.way == "scale_to_zero"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("week", WEEKS)
def test_the_chosen_time_out_saves_what_a_replay_saves(week: str, seed: int) -> None:
    """Within 5 %, and so does every time-out that saves more than a fiftieth of the bill; waits within a quarter,
    because minutes do not show how the requests of a burst follow each other."""
    requests = WEEKS[week](seed)
    found = judged(requests)
    chosen = found.best("scale_to_zero", 1.0)
    assert chosen in to_zero(found)
    for saving in to_zero(found):
        usd, waited = replayed_usd(requests, saving.time_out_seconds or 0, START_SECONDS)
        if usd > found.usd / 50:
            assert saving.usd == pytest.approx(usd, rel=0.05), saving
            assert saving.delays.requests == pytest.approx(waited, rel=0.25, abs=5), saving


def test_servers_of_a_model_go_to_zero_together() -> None:
    """Only while none of them is busy; both prices are saved."""
    one, other = sparse(1), sparse(2)
    for saving in to_zero(judged(one, other)):
        usd, _ = replayed_usd([*one, *other], saving.time_out_seconds or 0, START_SECONDS)
        if usd > 20:
            assert saving.usd == pytest.approx(2 * usd, rel=0.05)


def test_a_time_out_is_chosen_within_the_share_that_may_wait() -> None:
    """A stricter share saves less, and none at all saves nothing where every start makes somebody wait."""
    found = judged(office(0))
    strict, loose = found.best("scale_to_zero", 0.005), found.best("scale_to_zero", 1.0)
    assert strict is not None
    assert loose is not None
    assert strict.usd < loose.usd
    assert found.delayed_share(strict) <= 0.005
    assert found.best("scale_to_zero", 0.0) is None


def test_sleep_is_not_on_the_bill_and_an_unknown_time_is_not_a_wait_of_0() -> None:
    """Level 2's time to wake was not given."""
    found = judged(sparse(0))
    level_1, level_2 = (found.best(way, 1.0) for way in ("sleep_level_1", "sleep_level_2"))  # type: ignore[arg-type]
    assert level_1 is not None
    assert level_2 is not None
    assert not level_1.on_the_bill
    assert level_1.delays.mean_seconds == pytest.approx(3.0, rel=0.05)
    assert level_2.delays.mean_seconds is None
    assert level_2.usd >= level_1.usd
