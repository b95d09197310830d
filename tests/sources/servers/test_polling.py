"""Many servers, read again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fleet.reading import ServerReading, ServerRow
from vllm_costmeter.sources.servers.polling import LONGEST_PAUSE_SECONDS, REMEMBERED, Poller


class Servers:
    """Stand-in servers and a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[str] = []
        self.answer: Callable[[str], ServerReading] = lambda name: ServerReading(tokens_per_second=5.0)

    def read(self, name: str) -> ServerReading:
        self.asked.append(name)
        return self.answer(name)

    def poller(self, *names: str, at_once: int = 4) -> Poller:
        poller = Poller(self.read, 2.0, at_once=at_once, clock=lambda: self.now)
        poller.watch(names)
        return poller


def holds(condition: Callable[[], bool]) -> bool:
    """True as soon as it holds; a busy machine has a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def settle(poller: Poller, changes: int) -> list[ServerRow]:
    """The rows once so many answers have come."""
    assert holds(lambda: poller.changes >= changes)
    return poller.rows()


def failing(name: str) -> ServerReading:
    raise BadInputError(f"{name}: cannot be reached")


def test_a_server_is_read_once_an_interval() -> None:
    """However often the loop comes by."""
    servers = Servers()
    poller = servers.poller("a")
    for moment, reads in ((0.0, 1), (1.9, 1), (2.0, 2), (3.9, 2), (4.1, 3)):
        servers.now = moment
        for _ in range(3):
            poller.step()
        settle(poller, 1 + reads)
        assert len(servers.asked) == reads
    assert poller.rows()[0].recent == (5.0, 5.0, 5.0)


def test_one_that_fails_is_asked_less_and_less_and_comes_back() -> None:
    """Pauses double up to the longest; the first answer makes it a server like others."""
    servers = Servers()
    servers.answer = failing
    poller = servers.poller("a")
    for pause in (0.0, 4.0, 8.0, 16.0, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS):
        reads = len(servers.asked)
        if pause:
            servers.now += pause - 0.1
            poller.step()
            assert len(servers.asked) == reads
            servers.now += 0.1
        poller.step()
        assert settle(poller, reads + 2)[0].state == "down"
    servers.answer = lambda name: ServerReading(active_engines=0)
    reads = len(servers.asked)
    servers.now += LONGEST_PAUSE_SECONDS
    poller.step()
    assert settle(poller, reads + 2)[0].state == "idle"
    servers.now += 2.0
    poller.step()
    settle(poller, reads + 3)


def test_hung_servers_hold_no_more_threads_than_allowed_and_hide_no_other() -> None:
    """Twenty that never answer, four threads: never more than four are asked at once."""
    servers, let_go = Servers(), threading.Event()
    inside, most, lock = 0, 0, threading.Lock()

    def answer(name: str) -> ServerReading:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        if name.startswith("hung"):
            let_go.wait(20)
        with lock:
            inside -= 1
        return ServerReading()

    servers.answer = answer
    poller = servers.poller("well", *(f"hung-{n}" for n in range(20)), at_once=4)
    poller.step()
    assert holds(lambda: poller.rows()[0].reading is not None)
    assert not poller.all_answered()
    let_go.set()
    assert holds(poller.all_answered)
    assert most <= 4


def test_servers_come_and_go_and_keep_what_is_known() -> None:
    """The order is that of the list; the answer of one that has gone changes nothing."""
    servers = Servers()
    poller = servers.poller("a", "b")
    poller.step()
    assert holds(poller.all_answered)
    poller.watch(("c", "b"))
    assert [(row.server, row.state) for row in poller.rows()] == [("c", "waiting"), ("b", "up")]
    poller.watch(())
    assert poller.rows() == []


def test_a_fault_of_ours_is_a_row_not_the_end() -> None:
    """Whatever a page makes the reader do."""
    servers = Servers()
    servers.answer = lambda name: ServerReading() if name == "well" else 1 / 0  # type: ignore[return-value]
    poller = servers.poller("ill", "well", at_once=1)
    poller.step()
    assert holds(poller.all_answered)
    assert [row.state for row in poller.rows()] == ["down", "up"]
    assert "ZeroDivisionError" in str(poller.rows()[0].fault)


def test_without_the_meter_the_rate_is_that_between_two_readings() -> None:
    """Not across a restart, and not before the second reading."""
    servers = Servers()
    poller = servers.poller("a")
    rates = []
    for number, tokens in enumerate((100.0, 300.0, 10.0, 30.0)):
        servers.now = 2.0 * number
        servers.answer = lambda name, tokens=tokens: ServerReading(tokens_since_start=tokens)  # type: ignore[misc]
        poller.step()
        (row,) = settle(poller, 2 + number)
        rates.append(row.reading and row.reading.tokens_per_second)
    assert rates == [None, 100.0, None, 10.0]


def test_what_is_remembered_is_bounded() -> None:
    """The sparkline's readings, after many more of them."""
    servers = Servers()
    poller = servers.poller("a")
    for number in range(REMEMBERED + 10):
        servers.now = 2.0 * number
        poller.step()
        settle(poller, 2 + number)
    assert len(poller.rows()[0].recent) == REMEMBERED
