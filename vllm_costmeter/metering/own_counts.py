"""What one API process counts for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from vllm_costmeter.core.meter import RequestHistogram, RequestWork
from vllm_costmeter.core.meter.engine_totals import EngineTotals
from vllm_costmeter.core.meter.operations import Operations
from vllm_costmeter.core.meter.token_counts import TokenCounts
from vllm_costmeter.outputs.metrics.error_counts import ErrorCounts
from vllm_costmeter.outputs.metrics.exposition import Family, process_families

Answer = TypeVar("Answer")


class OwnCounts:
    """The counts of this API process, whether or not it is the one that charges."""

    def __init__(
        self,
        *,
        model_name: str,
        engines: Callable[[], Sequence[EngineTotals]],
        ended: Callable[[], Sequence[RequestWork]],
        errors: ErrorCounts,
        operations: Callable[[], Operations] = dict,
        refused: Callable[[], Sequence[Family]] = tuple,
    ) -> None:
        """`refused`: of requests that this process did not serve."""
        self._model_name = model_name
        self._take_engines = engines
        self._take_ended = ended
        self._errors = errors
        self._operations = operations
        self._refused = refused
        self._tokens = TokenCounts()
        self._last: dict[int, EngineTotals] = {}

    @property
    def engines(self) -> tuple[EngineTotals, ...]:
        """As of the last successful refresh."""
        return tuple(self._last.values())

    def refresh(self) -> bool:
        """Take new snapshots; False if the hook failed and the previous ones remain."""
        taken = self.attempt("engine", self._take_engines, None)
        for totals in taken or ():
            self._tokens.add(self._last.get(totals.engine_index), totals)
            self._last[totals.engine_index] = totals
        return taken is not None

    @property
    def operations(self) -> Operations:
        """Starts, sleeps and wake-ups so far."""
        return self._operations()

    def take_ended(self) -> Sequence[RequestWork]:
        """Requests that ended since the last call. Taken before `refresh`, so that their tokens are in its counts."""
        nothing: Sequence[RequestWork] = ()
        return self.attempt("engine", self._take_ended, nothing)

    def families(
        self, request_usd: RequestHistogram | None, request_joules: RequestHistogram | None
    ) -> tuple[Family, ...]:
        """All counts of this process."""
        nothing: Sequence[Family] = ()
        refused = self.attempt("budget", self._refused, nothing)
        return (
            *process_families(
                self._model_name,
                self._tokens.by_kind(),
                request_usd,
                request_joules,
                self._errors.counts(),
                operations=self.operations,
            ),
            *refused,
        )

    def attempt(self, where: str, ask: Callable[[], Answer], otherwise: Answer) -> Answer:
        """`ask()`; if that fails, `otherwise` and one more counted error, so that a failing source affects only
        itself."""
        try:
            return ask()
        except Exception:  # noqa: BLE001 (whatever a source throws, the second must still be charged)
            self._errors.add(where)
            return otherwise
