"""Requests that a client aborts, on vLLM's own output processor."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from vllm_costmeter.core.meter import RequestWork
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.aborts import follow_aborts
from vllm_costmeter.sources.vllm.step_stats import StepRecorder

vllm = pytest.importorskip("vllm")

from vllm.v1.engine.output_processor import OutputProcessor, RequestState  # noqa: E402


@pytest.fixture
def recorder() -> Iterator[StepRecorder]:
    """A recorder that follows aborts, and vLLM as it was afterwards."""
    original = OutputProcessor.abort_requests
    recorder = StepRecorder(0, now=0.0)
    follow_aborts(recorder)
    yield recorder
    OutputProcessor.abort_requests = original


def request(name: str, *, prompt: int, cached: int, generated: int, prefilling: bool = False) -> Any:
    """The attributes of vLLM's RequestState that an abort needs."""
    return SimpleNamespace(
        external_req_id=name,
        lora_name=None,
        queue=None,
        prompt_len=prompt,
        num_cached_tokens=cached,
        is_prefilling=prefilling,
        stats=SimpleNamespace(num_generation_tokens=generated),
    )


def processor(*requests: Any) -> Any:
    """vLLM's own, with these requests running."""
    found = OutputProcessor(None, log_stats=True)
    for of in requests:
        found.request_states[of.external_req_id] = of
        found.external_req_ids[of.external_req_id].append(of.external_req_id)
    return found


def test_an_aborted_request_is_counted_with_the_work_it_did(recorder: StepRecorder) -> None:
    """Once, by its tokens so far; a prompt that was not complete has none, as vLLM counts; others run on."""
    running = processor(
        request("a", prompt=50, cached=16, generated=7),
        request("b", prompt=50, cached=0, generated=0, prefilling=True),
        request("c", prompt=1, cached=0, generated=1),
    )
    assert running.abort_requests(iter(["a", "b", "gone"]), internal=False) == ["a", "b"]
    assert recorder.take_ended(10) == [RequestWork(34, 16, 7, 1), RequestWork(0, 0, 0, 1)]
    assert recorder.counts.aborted_requests == 2
    assert list(running.request_states) == ["c"]


def test_each_sequence_of_a_request_is_counted_once(recorder: StepRecorder) -> None:
    """vLLM aborts the sequences of `n > 1` by calling itself."""
    running = processor(*(request(f"{n}_p", prompt=10, cached=0, generated=n) for n in (1, 2)))
    running.parent_requests["p"] = SimpleNamespace(child_requests={"1_p", "2_p"})
    assert sorted(running.abort_requests(["p"], internal=True)) == ["1_p", "2_p"]
    assert sorted(recorder.take_ended(10)) == [RequestWork(10, 0, 1, 1), RequestWork(10, 0, 2, 1)]


def test_a_state_that_cannot_be_read_harms_no_request(recorder: StepRecorder) -> None:
    """It is counted as a fault; vLLM aborts it as ever."""
    odd = request("a", prompt=5, cached=0, generated=1)
    del odd.stats
    before = FAULTS.counts()["hook"]
    assert processor(odd).abort_requests(["a"], internal=False) == ["a"]
    assert recorder.take_ended(10) == []
    assert FAULTS.counts()["hook"] == before + 1


def test_what_an_abort_needs_is_what_vllm_has() -> None:
    """Every attribute that is read is one that this vLLM's RequestState sets."""
    import inspect

    source = inspect.getsource(RequestState.__init__)
    for name in ("prompt_len", "num_cached_tokens", "is_prefilling", "stats"):
        assert f"self.{name} = " in source
