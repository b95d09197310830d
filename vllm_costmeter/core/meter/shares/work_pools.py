"""Active cost and energy that no request has been charged for yet, by the kind of work that caused it."""

from __future__ import annotations

from typing import NamedTuple

from vllm_costmeter.core.meter.exact_sum import ExactSum
from vllm_costmeter.core.meter.shares.request_work import NO_WORK, RequestWork, WorkSums

FORGETTING = 0.05
"""How much each new batch of finished requests counts in the mean KV residency of a generated token."""


class Spent(NamedTuple):
    """Dollars and joules of the same work."""

    usd: float = 0.0
    joules: float = 0.0

    def part(self, share: float) -> Spent:
        """`share` of both."""
        return Spent(self.usd * share, self.joules * share)

    def plus(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(self.usd + other.usd, self.joules + other.joules)


NOTHING_SPENT = Spent()


class PerPool(NamedTuple):
    """One amount for each kind of work."""

    prefill: Spent = NOTHING_SPENT
    """Of computed prompt tokens."""
    decode: Spent = NOTHING_SPENT
    """Of generated tokens: what decode steps cost beyond reading the KV cache."""
    kv: Spent = NOTHING_SPENT
    """Of reading the KV cache in decode steps, by the tokens held there."""
    unsplit: Spent = NOTHING_SPENT
    """Of computed and generated tokens alike, where the model's work is not known."""

    def total(self) -> Spent:
        """Of all kinds."""
        return self.prefill.plus(self.decode).plus(self.kv).plus(self.unsplit)

    def plus(self, other: PerPool) -> PerPool:
        """Kind by kind."""
        return PerPool(*(one.plus(two) for one, two in zip(self, other, strict=True)))


NOTHING_PER_POOL = PerPool()


class RequestRates(NamedTuple):
    """What one unit of each kind of work costs now: a computed token, a generated token, a token of context read by one
    decode step, any computed or generated token."""

    per_unit: PerPool

    def of(self, request: RequestWork) -> PerPool:
        """What one request costs."""
        computed, generated = request.prompt_computed_tokens, request.generated_tokens
        return PerPool(
            self.per_unit.prefill.part(computed),
            self.per_unit.decode.part(generated),
            self.per_unit.kv.part(request.kv_token_steps),
            self.per_unit.unsplit.part(computed + generated),
        )


class Claim(NamedTuple):
    """What requests were charged, and their work; totals of one API process never decrease."""

    spent: PerPool = NOTHING_PER_POOL
    work: WorkSums = NO_WORK

    def plus(self, other: Claim) -> Claim:
        """Both together."""
        return Claim(self.spent.plus(other.spent), self.work.plus(other.work))

    def minus(self, earlier: Claim) -> Claim:
        """The increase since `earlier`."""
        spent = PerPool(
            *(now.plus(then.part(-1)) for now, then in zip(self.spent, earlier.spent, strict=True))
        )
        work = (now - then for now, then in zip(self.work, earlier.work, strict=True))
        return Claim(spent, WorkSums(*work))


NO_CLAIM = Claim()


class _Pool:
    """Unclaimed dollars and joules."""

    __slots__ = ("_joules", "_usd")

    def __init__(self) -> None:
        self._usd, self._joules = ExactSum(), ExactSum()

    def add(self, spent: Spent, sign: int = 1) -> None:
        self._usd.add(sign * spent.usd)
        self._joules.add(sign * spent.joules)

    @property
    def value(self) -> Spent:
        return Spent(self._usd.value, self._joules.value)

    def per(self, units: float) -> Spent:
        """Per unit, never negative; nothing where no unit is left."""
        if units <= 0:
            return NOTHING_SPENT
        return Spent(max(self._usd.value, 0.0) / units, max(self._joules.value, 0.0) / units)


class WorkPools:
    """Active cost flows in with time, and each finished request takes out its share of the unclaimed work. What was put
    in is always the sum of what requests took and what is left.

    Long requests take the mean rate of the time that they ran, and the requests that end together share exactly what
    is there if nothing else is running. KV residency of running requests is not known; it is taken as the recent mean
    of finished ones per generated token.
    """

    def __init__(self) -> None:
        self._pools = (_Pool(), _Pool(), _Pool(), _Pool())
        self._given_up = _Pool()
        self._computed_tokens = 0
        self._generated_tokens = 0
        self._kv_per_generated: float | None = None

    def accrue(self, spent: PerPool, computed_tokens: int, generated_tokens: int) -> None:
        """Active cost and energy of a tick, and the tokens counted in it."""
        for pool, part in zip(self._pools, spent, strict=True):
            pool.add(part)
        self._computed_tokens += computed_tokens
        self._generated_tokens += generated_tokens

    def rates(self, batch: WorkSums = NO_WORK) -> RequestRates:
        """For requests with the work of `batch` that end now; without one, for requests like the recent ones."""
        if batch.generated_tokens > 0:
            mean = batch.kv_token_steps / batch.generated_tokens
            known = self._kv_per_generated
            self._kv_per_generated = mean if known is None else known + FORGETTING * (mean - known)
        running = max(0, self._generated_tokens - batch.generated_tokens)
        kv_units = batch.kv_token_steps + running * (self._kv_per_generated or 0.0)
        computed, generated = self._computed_tokens, self._generated_tokens
        prefill, decode, kv, unsplit = self._pools
        return RequestRates(
            PerPool(
                prefill.per(computed),
                decode.per(generated),
                kv.per(kv_units),
                unsplit.per(computed + generated),
            )
        )

    def claim(self, claim: Claim) -> None:
        """Requests were charged."""
        for pool, part in zip(self._pools, claim.spent, strict=True):
            pool.add(part, -1)
        self._computed_tokens = max(0, self._computed_tokens - claim.work.computed_tokens)
        self._generated_tokens = max(0, self._generated_tokens - claim.work.generated_tokens)

    def give_up(self) -> None:
        """No request is left that could claim what is here: it stays unattributed."""
        for pool in self._pools:
            self._given_up.add(pool.value)
            pool.add(pool.value, -1)
        self._computed_tokens = self._generated_tokens = 0

    def unattributed(self) -> Spent:
        """Of running requests, and of work that no finished request accounts for."""
        total = self._given_up.value
        for pool in self._pools:
            total = total.plus(pool.value)
        return total
