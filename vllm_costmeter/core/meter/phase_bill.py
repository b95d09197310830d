"""Active cost and energy by phase, over all engines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from vllm_costmeter.core.meter.engine_account import EngineAccount
from vllm_costmeter.core.meter.exact_sum import ExactSum
from vllm_costmeter.core.meter.reading import Phase
from vllm_costmeter.core.meter.shares.work_pools import PerPool, Spent
from vllm_costmeter.core.meter.split.phases import PhaseSplit
from vllm_costmeter.core.meter.work import Work


class PhaseBill:
    """Law: the phases add up to what was charged. Without a split there are none."""

    def __init__(self, split: PhaseSplit | None) -> None:
        self._split = split
        self._usd: defaultdict[tuple[Phase, str], ExactSum] = defaultdict(ExactSum)
        self._joules: defaultdict[Phase, ExactSum] = defaultdict(ExactSum)

    def charge(self, account: EngineAccount, active: Spent, work: Work, *, ran_empty: bool) -> PerPool:
        """Split a tick of one engine; its active cost and energy by kind of work. `ran_empty`: it was idle in part of
        the tick."""
        split = self._split
        if split is None:
            return PerPool(unsplit=active)
        usd = account.phases.charge(split, active.usd, work, ran_empty=ran_empty)
        joules = account.energy_phases.charge(split, active.joules, work)
        self._usd["prefill", usd.method].add(usd.prefill)
        self._usd["decode", usd.method].add(usd.decode)
        self._joules["prefill"].add(joules.prefill)
        self._joules["decode"].add(joules.decode)
        decode, kv_share = Spent(usd.decode, joules.decode), split.kv_share(work.counts)
        prefill = Spent(usd.prefill, joules.prefill)
        return PerPool(prefill, decode.part(1 - kv_share), decode.part(kv_share))

    def usd(self, phase: Phase | None = None) -> float:
        """Of one phase or both."""
        return sum(usd.value for (of, _), usd in self._usd.items() if phase in (None, of))

    def usd_by_method(self) -> Mapping[tuple[Phase, str], float]:
        """By phase and method of the split."""
        return {key: usd.value for key, usd in self._usd.items()}

    def joules(self) -> Mapping[Phase, float]:
        """By phase."""
        return {phase: joules.value for phase, joules in self._joules.items()}
