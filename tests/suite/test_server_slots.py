"""No more than two servers at once, whichever lanes they are of."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from server_slots import ServerSlots


def test_a_third_server_waits_for_one_of_two(tmp_path: Path) -> None:
    """Two lanes have one each; a third start goes on when one of them ends."""
    lanes = [ServerSlots(tmp_path) for _ in range(3)]
    runs = threading.Event()

    def third() -> None:
        with lanes[2].one():
            runs.set()

    with lanes[0].one():
        with lanes[1].one():
            waiting = threading.Thread(target=third)
            waiting.start()
            assert not runs.wait(0.5)
        assert runs.wait(60)
    waiting.join()


def test_who_needs_two_has_both(tmp_path: Path) -> None:
    """Both are taken at once; within, two servers start without waiting, and another lane waits for both to end."""
    lane, other = ServerSlots(tmp_path), ServerSlots(tmp_path)
    runs = threading.Event()

    def elsewhere() -> None:
        with other.one():
            runs.set()

    with lane.both(), lane.one(), lane.one():
        waiting = threading.Thread(target=elsewhere)
        waiting.start()
        assert not runs.wait(0.5)
    assert runs.wait(60)
    waiting.join()


def test_two_one_after_the_other_would_wait_for_ever(tmp_path: Path) -> None:
    """Two lanes that each had one and wanted another: so a lane that has one and asks again is told what to ask for."""
    lane = ServerSlots(tmp_path)
    with lane.one(), pytest.raises(AssertionError, match="both"), lane.one():
        pass
    with lane.one():
        pass
