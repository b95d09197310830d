"""What following requests costs: our whole path of one request, beside 2,000 concurrent streams through vLLM's own
request and answer classes and its output processor; and the memory of 2,000 open requests.

Prints JSON. What a request costs vLLM beyond this (HTTP, tokenizing, detokenizing, the engine) is left out, so the
ratio is larger than on a server.
"""

from __future__ import annotations

import asyncio
import json
import time
import tracemalloc
from types import SimpleNamespace
from typing import Any

STREAMS = 2_000
CHUNKS = 64
ROUNDS = 7
BODY = json.dumps(
    {
        "model": "org/model-8b",
        "messages": [{"role": "user", "content": "Why is the sky blue? " * 20}],
        "stream": True,
        "max_tokens": CHUNKS,
        "user": "customer-4711",
    }
).encode()
HEADERS = [(b"host", b"localhost"), (b"authorization", b"Bearer sk-1234"), (b"x-costmeter-tenant", b"team-a")]


class Server:
    """An ASGI application that does for a chat request what vLLM's does in Python, without an engine."""

    def __init__(self) -> None:
        from vllm.v1.engine.output_processor import OutputProcessor

        self.processor: Any = OutputProcessor(None, log_stats=True)
        self._number = 0

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        from vllm.entrypoints.generate.base.protocol import DeltaMessage
        from vllm.entrypoints.openai.chat_completion.protocol import (
            ChatCompletionRequest,
            ChatCompletionResponseStreamChoice,
            ChatCompletionStreamResponse,
        )
        from vllm.sampling_params import SamplingParams
        from vllm.v1.engine import EngineCoreRequest, FinishReason
        from vllm.v1.metrics.stats import IterationStats

        request = ChatCompletionRequest(**json.loads((await receive())["body"]))
        self._number += 1
        name = f"chatcmpl-{self._number}"
        sampling = SamplingParams(max_tokens=request.max_tokens, detokenize=False)
        engine_request = EngineCoreRequest(
            request_id=name,
            external_req_id=name,
            prompt_token_ids=[1] * 100,
            mm_features=None,
            sampling_params=sampling,
            pooling_params=None,
            arrival_time=time.time(),
            lora_request=None,
            cache_salt=None,
            data_parallel_rank=None,
        )
        self.processor.add_request(engine_request, None, None, 0, None)
        for _ in range(CHUNKS):
            choice = ChatCompletionResponseStreamChoice(index=0, delta=DeltaMessage(content=" sky"))
            chunk = ChatCompletionStreamResponse(id=name, model=request.model or "", choices=[choice])
            data = chunk.model_dump_json(exclude_unset=True)
            await send(
                {"type": "http.response.body", "body": f"data: {data}\n\n".encode(), "more_body": True}
            )
            await asyncio.sleep(0)
        stats = IterationStats()
        state = self.processor.request_states.pop(name)
        state.stats.num_generation_tokens = CHUNKS
        self.processor._update_stats_from_finished(state, FinishReason.STOP, stats)


def _receiving() -> Any:
    waiting = iter(({"type": "http.request", "body": BODY, "more_body": False},))

    async def receive() -> Any:
        return next(waiting)

    return receive


async def _stream(server: Server) -> None:
    async def send(message: Any) -> None:
        pass

    await server.serve(
        {"type": "http", "method": "POST", "client": ("127.0.0.1", 1), "headers": HEADERS}, _receiving(), send
    )


def _seconds(server: Server) -> float:
    async def all_of_them() -> None:
        await asyncio.gather(*(asyncio.create_task(_stream(server)) for _ in range(STREAMS)))

    began = time.process_time()
    asyncio.run(all_of_them())
    return time.process_time() - began


class Ours:
    """Our layer around an application and an output processor that do nothing."""

    def __init__(self) -> None:
        from vllm_costmeter.core.meter.shares.request_cost import RequestAccount
        from vllm_costmeter.core.meter.shares.tenants import TenantAccounts
        from vllm_costmeter.core.settings.table import Settings
        from vllm_costmeter.plugin.serving.requests.desk import RequestDesk
        from vllm_costmeter.plugin.serving.requests.middleware import RequestMiddleware
        from vllm_costmeter.sources.vllm.step_stats import StepRecorder

        self.desk = RequestDesk(Settings(tenant_from=("key", "header", "user")), lambda: b"0" * 32)
        self.layer = RequestMiddleware(self._serve, self.desk)
        self.recorder = StepRecorder(0, 0.0)
        self.account = RequestAccount((TenantAccounts(self.desk.numbers.name).charge,))
        self.tickets: list[Any] = []

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        from vllm_costmeter.core.meter.shares.request_work import RequestWork
        from vllm_costmeter.plugin.serving.requests.ticket import CURRENT

        await receive()
        ticket = CURRENT.get()
        self.tickets.append(ticket)
        mark = self.desk.admit(
            ticket, SimpleNamespace(lora_name=None, external_req_id="chatcmpl-0123456789abcdef")
        )
        work = RequestWork(100, 0, CHUNKS, 0, *mark)
        if ticket is not None:
            self.desk.end(ticket, work)
        self.recorder._end(work)

    def seconds(self) -> float:
        """Of 2,000 requests, until each has been charged."""
        from vllm_costmeter.core.meter.shares.work_pools import PerPool, RequestRates, Spent

        rates = RequestRates(PerPool(Spent(1e-8, 1e-3), Spent(1e-7, 1e-2)))
        began = time.process_time()
        asyncio.run(self._all())
        self.account.charge(self.recorder.take_ended(STREAMS), rates)
        return time.process_time() - began

    async def _all(self) -> None:
        async def send(message: Any) -> None:
            pass

        scope = {"type": "http", "method": "POST", "client": ("127.0.0.1", 1), "headers": HEADERS}
        for _ in range(STREAMS):
            await self.layer(scope, _receiving(), send)


def _open_bytes() -> float:
    """Of 2,000 requests that are open at once."""
    ours = Ours()
    tracemalloc.start()
    ours.seconds()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return float(used)


def main() -> None:
    """Measure and print. Other work on the machine disturbs the least of several the least."""
    server, ours = Server(), Ours()
    _seconds(server)
    vllm_seconds = min(_seconds(server) for _ in range(ROUNDS))
    our_seconds = min(ours.seconds() for _ in range(ROUNDS))
    print(
        json.dumps(
            {
                "streams": STREAMS,
                "ratio": our_seconds / vllm_seconds,
                "microseconds_per_request": {
                    "vllm": 1e6 * vllm_seconds / STREAMS,
                    "ours": 1e6 * our_seconds / STREAMS,
                },
                "open_requests_bytes": _open_bytes(),
            }
        )
    )


if __name__ == "__main__":
    main()
