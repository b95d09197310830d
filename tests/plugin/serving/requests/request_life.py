"""Requests in vLLM's own output processor, through our layer, without a model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from vllm.v1.engine import FinishReason
from vllm.v1.engine.output_processor import OutputProcessor, RequestState
from vllm.v1.metrics.stats import IterationStats

from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.metering.request_keeper import RequestKeeper
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.serving.aborts import follow_aborts
from vllm_costmeter.plugin.serving.requests.desk import RequestDesk
from vllm_costmeter.plugin.serving.requests.following import follow_requests
from vllm_costmeter.plugin.serving.requests.middleware import RequestMiddleware
from vllm_costmeter.plugin.serving.requests.prices import RequestPrices
from vllm_costmeter.sources.vllm.step_stats import StepRecorder

SECRET = b"0" * 32
WRAPPED = ("add_request", "_update_stats_from_finished", "abort_requests")


@contextmanager
def vllm_as_it_was() -> Iterator[None]:
    """Its output processor without our layers afterwards."""
    before = {name: getattr(OutputProcessor, name) for name in WRAPPED}
    from_new = RequestState.from_new_request
    try:
        yield
    finally:
        for name, method in before.items():
            setattr(OutputProcessor, name, method)
        RequestState.from_new_request = from_new


class Processed:
    """An API process: vLLM's output processor and our recorder."""

    def __init__(self, **settings: Any) -> None:
        prices = RequestPrices("record", RequestKeeper(), model="m", engines=1)
        self.desk = RequestDesk(Settings(**settings), lambda: SECRET, prices)
        self.recorder = StepRecorder(0, now=0.0)
        follow_aborts(self.recorder)
        follow_requests(self.desk)
        RequestState.from_new_request = staticmethod(_state)
        self.processor: Any = OutputProcessor(None, log_stats=True)
        self._layer = RequestMiddleware(_app, self.desk)
        self._steps = 0

    def admit(self, request_id: str, *, prompt: int = 10, adapter: str | None = None) -> str:
        """As AsyncLLM does, in the context of the request; the internal id, which vLLM makes unique."""
        self._steps += 1
        internal = f"{request_id}-{self._steps}"
        request = SimpleNamespace(request_id=internal, external=request_id, prompt=prompt, adapter=adapter)
        self.processor.add_request(request, None, None, 0, None)
        return internal

    def finish(self, *internal: str, generated: int = 5) -> None:
        """One engine step in which these sequences end."""
        stats = IterationStats()
        for each in internal:
            state = self.processor.request_states.pop(each)
            state.stats.num_generation_tokens = generated
            self.processor._update_stats_from_finished(state, FinishReason.STOP, stats)
        try:
            self.recorder.add_step(None, stats, 1.0)
        except Exception:  # noqa: BLE001 (as the stat logger does)
            FAULTS.add("hook")

    def ended(self) -> list[tuple[str, tuple[int, ...]]]:
        """(tenant, its computed, cached and generated tokens and outcome) of each sequence that ended."""
        taken = self.recorder.take_ended(1_000)
        return [(self.desk.numbers.name(work.tenant), tuple(work[:4])) for work in taken]

    def post(
        self,
        work: Callable[[], Awaitable[None]],
        body: Sequence[bytes] = (b"{}",),
        client: str = "127.0.0.1",
        **headers: str,
    ) -> bytes:
        """An HTTP request that does `work` and answers with the body that it got."""
        return asyncio.run(self.posting(work, body, client, **headers))

    async def posting(
        self,
        work: Callable[[], Awaitable[None]],
        body: Sequence[bytes] = (b"{}",),
        client: str = "127.0.0.1",
        **headers: str,
    ) -> bytes:
        """The same within a running event loop."""
        parts = [{"type": "http.request", "body": part, "more_body": True} for part in body]
        parts[-1]["more_body"] = False
        waiting = iter([*parts, {"type": "http.disconnect"}])
        sent: list[bytes] = []

        async def receive() -> Any:
            return next(waiting)

        async def send(message: Any) -> None:
            sent.append(message["body"])

        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "POST", "client": (client, 1), "headers": pairs, "work": work}
        await self._layer(scope, receive, send)
        return b"".join(sent)


async def _app(scope: Any, receive: Any, send: Any) -> None:
    read = b""
    while (message := await receive())["type"] == "http.request":
        read += message["body"]
        if not message["more_body"]:
            break
    await scope["work"]()
    assert (await receive())["type"] == "http.disconnect"
    await send({"type": "http.response.body", "body": read})


def json_body(**fields: Any) -> list[bytes]:
    """In two parts."""
    text = json.dumps({"prompt": "hello", **fields}).encode()
    return [text[:5], text[5:]]


def _state(**given: Any) -> Any:
    request = given["request"]
    return SimpleNamespace(
        request_id=request.request_id,
        external_req_id=request.external,
        lora_name=request.adapter,
        parent_req=None,
        queue=None,
        prompt_len=request.prompt,
        num_cached_tokens=0,
        is_prefilling=False,
        max_tokens_param=None,
        stats=_request_stats(),
    )


def _request_stats() -> Any:
    from vllm.v1.metrics.stats import RequestStateStats

    return RequestStateStats()
