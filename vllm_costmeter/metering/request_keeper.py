"""What single requests cost: estimated when they end, settled when the meter has charged them."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from vllm_costmeter.core.meter.shares.latest_rates import estimated_usd
from vllm_costmeter.core.meter.shares.request_work import RequestWork
from vllm_costmeter.core.meter.shares.work_pools import Spent
from vllm_costmeter.core.requests.ended import EndedRequest
from vllm_costmeter.core.requests.recent import MOST_OPEN, RecentRequests
from vllm_costmeter.outputs.metrics.process_exchange import PublishedRates
from vllm_costmeter.outputs.requests.request_files import RequestFiles
from vllm_costmeter.outputs.requests.usage_cost import decimal

log = logging.getLogger("vllm.costmeter")


class RequestKeeper:
    """One per API process. `estimate` and `end` are called on vLLM's event loop: they take no lock and do no I/O.
    `charged` and `tick` belong to the threads that charge, `find` to the one that answers."""

    def __init__(
        self,
        files: RequestFiles | None = None,
        most: int = MOST_OPEN,
        unix_seconds: Callable[[], float] = time.time,
    ) -> None:
        """`files`: None for a server of one API process."""
        self._files = files
        self._unix_seconds = unix_seconds
        self._recent = RecentRequests(most)
        self._ended: deque[EndedRequest] = deque(maxlen=most)
        self._news: deque[EndedRequest] = deque(maxlen=most)
        self._lock = threading.Lock()
        self._rates: PublishedRates | None = None

    def estimate(self, works: Sequence[RequestWork], own_seconds: float | None) -> float | None:
        """Dollars at the rates of the last second; before the first request was charged, by `own_seconds`, its part of
        the server's time. None without works, without a price, or if neither is known."""
        rates = self._rates
        if rates is None or not rates.has_price or not works:
            return None
        usd = estimated_usd(rates.latest, works)
        if usd is None and own_seconds is not None:
            usd = rates.usd_per_second * own_seconds
        return usd

    def end(self, request: EndedRequest) -> None:
        """Its answer is complete, or it was aborted."""
        self._ended.append(request)

    def charged(self, work: RequestWork, spent: Spent) -> None:
        """The meter charged a sequence."""
        if not work.ticket:
            return
        with self._lock:
            settled = self._recent.charge(work.ticket, spent.usd, spent.joules)
            if settled is not None:
                self._news.append(settled)

    def tick(self, rates: PublishedRates | None) -> None:
        """Once a second: take the new rates, log and publish what has ended or was settled. Raises OSError where it
        cannot be published."""
        self._rates = rates
        now = self._unix_seconds()
        with self._lock:
            self._take_ended()
            self._recent.close(now)
            news = [self._priced(request) for request in self._news]
            self._news.clear()
        if log.isEnabledFor(logging.DEBUG):
            for request in news:
                if request.is_settled:
                    log.debug("costmeter: %s", line(request))
        if self._files is not None:
            self._files.append(news)

    def find(self, request_id: str) -> EndedRequest | None:
        """A request that ended in the last hour, in any process of this server."""
        now = self._unix_seconds()
        with self._lock:
            self._take_ended()
            found = self._recent.find(request_id, now)
        if found is None and self._files is not None:
            return self._files.find(request_id, now)
        return None if found is None else self._priced(found)

    def _take_ended(self) -> None:
        while self._ended:
            self._news.append(self._recent.end(self._ended.popleft()))

    def _priced(self, request: EndedRequest) -> EndedRequest:
        rates = self._rates
        if rates is None:
            return request
        return request._replace(has_price=rates.has_price, has_energy=rates.has_energy)


def line(request: EndedRequest) -> str:
    """A settled request in a log: ids and numbers, nothing that a client wrote but its request id."""
    estimate = "" if request.estimated_usd is None else f" (estimated ${decimal(request.estimated_usd)})"
    cost = f"cost ${decimal(request.usd)}{estimate}" if request.has_price else "has no price"
    energy = f", {request.joules:.3g} J" if request.has_energy else ""
    prompt = request.prompt_computed_tokens + request.prompt_cached_tokens
    tokens = f"{prompt} prompt tokens ({request.prompt_cached_tokens} cached), {request.generated_tokens} generated"
    return f"request {' '.join(map(_shown, request.ids))} {cost}{energy}: {tokens}, {request.outcome}"


def _shown(request_id: str) -> str:
    """Clients choose a part of it (X-Request-Id)."""
    return "".join(each if each.isprintable() and each != " " else "?" for each in request_id[:128])
