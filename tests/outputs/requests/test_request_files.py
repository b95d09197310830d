"""Any API process of a server finds the requests of the others."""

from __future__ import annotations

import stat
from pathlib import Path

from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.requests.ended import EndedRequest, ended
from vllm_costmeter.core.requests.recent import KEPT_SECONDS
from vllm_costmeter.core.requests.request_lines import id_key
from vllm_costmeter.outputs.requests.request_files import FILES, RequestFiles

NOW = 1_795_890_457.5


def request(number: int, *ids: str, at: float = NOW) -> EndedRequest:
    """One that ended."""
    works = [RequestWork(10, 4, 7)]
    names = ids or (f"chatcmpl-{number}",)
    return ended(number, names, works, ended_unix_seconds=at, model="m", tenant="a \n\"b'", estimated_usd=0.5)


def test_a_request_of_another_process_is_found_as_it_was_written_last(tmp_path: Path) -> None:
    """Estimated, then settled; by any of its ids, and by no part of one."""
    one, two = (RequestFiles(tmp_path, rank) for rank in range(2))
    estimated = request(7, "cmpl-1-0", "cmpl-1-1")
    one.append([request(6), estimated, request(8)])
    assert two.find("cmpl-1-1", NOW) == estimated
    settled = estimated._replace(usd=0.25, joules=3.0, charged_sequences=1, has_price=True)
    one.append([settled])
    for name in ("cmpl-1", "cmpl-1-0", "cmpl-1-1"):
        assert two.find(name, NOW) == settled
    for name in ("cmpl", "cmpl-1-", "cmpl-1-01", "mpl-1", "", "m", '"', "\n", "chatcmpl-66"):
        assert two.find(name, NOW) is None


def test_the_latest_of_several_with_one_id_is_found(tmp_path: Path) -> None:
    """Clients choose a part of the id, and so may two processes."""
    files = [RequestFiles(tmp_path, rank) for rank in range(3)]
    for rank, at in enumerate((NOW - 5, NOW - 1, NOW - 9)):
        files[rank].append([request(rank + 1, "cmpl-x", at=at)])
    found = files[0].find("cmpl-x", NOW)
    assert found is not None
    assert found.number == 2


def test_files_are_bounded_private_and_forget(tmp_path: Path) -> None:
    """The oldest is written anew; after an hour nothing is found."""
    files = RequestFiles(tmp_path, 0, file_bytes=2000)
    for number in range(1, 101):
        files.append([request(number)])
    paths = list(tmp_path.iterdir())
    assert len(paths) == FILES
    assert all(path.stat().st_size <= 2000 for path in paths)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in paths)
    assert files.find("chatcmpl-100", NOW) == request(100)
    assert files.find("chatcmpl-1", NOW) is None
    assert files.find("chatcmpl-100", NOW + KEPT_SECONDS + 1) is None


def test_lines_that_are_cut_or_not_ours_are_passed_over(tmp_path: Path) -> None:
    """A line that is being written, another program's file."""
    files = RequestFiles(tmp_path, 0)
    files.append([request(1)])
    path = next(tmp_path.iterdir())
    for broken in (
        b'[2,["chatcmpl-1"',
        b'["chatcmpl-1"]\n',
        b'{"chatcmpl-1":1}\n',
        b'"chatcmpl-1"\n',
        b"\xff\n",
    ):
        path.write_bytes(path.read_bytes() + broken + id_key("chatcmpl-1") + broken)
    assert files.find("chatcmpl-1", NOW) == request(1)


def test_a_new_start_writes_over_what_an_earlier_one_left(tmp_path: Path) -> None:
    """In the same directory, by the same process."""
    RequestFiles(tmp_path, 0).append([request(1)])
    RequestFiles(tmp_path, 0).append([request(2)])
    found = RequestFiles(tmp_path, 0)
    assert found.find("chatcmpl-1", NOW) is None
    assert found.find("chatcmpl-2", NOW) == request(2)
