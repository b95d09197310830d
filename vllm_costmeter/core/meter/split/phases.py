"""Active money divided between prefill and decode by the work each did."""

from __future__ import annotations

from typing import NamedTuple

from vllm_costmeter.core.meter.split.measured import MeasuredCosts
from vllm_costmeter.core.meter.split.mfu_work import TokenWork, published_seconds
from vllm_costmeter.core.meter.split.roofline import (
    CardRates,
    ModelWork,
    ResourceSeconds,
    RooflineSeconds,
    resource_seconds,
    roofline_seconds,
)
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.meter.work import NOTHING, Work

FIT_SECONDS = 5.0  # an interval this long blurs little at its ends: tokens are reported up to a step late
SHORT_FIT_SECONDS = 1.0  # enough where the engine ran empty: then nothing is half reported


class PhaseSplit:
    """The rule that divides a piece of work: which share of its time was prefill. One per server.

    From the first second by the roofline, or by the work that vLLM publishes for its steps where it does; by what this
    server itself was measured to take once it has shown the phases apart for long enough. Traffic of one unchanging
    mixture never does, and stays with what it began with.
    """

    def __init__(self, model: ModelWork, rates: CardRates, published: TokenWork | None = None) -> None:
        self._model = model
        self._rates = rates
        self._published = published
        self._measured = MeasuredCosts(model, rates)

    @property
    def method(self) -> str:
        """The label under which the split is published: `measured`; `vllm_mfu` by vLLM's own estimates (`mfu` is what
        its flag calls them); `roofline`. The latter two end in `_assumed_card` where no card is known and a ratio
        typical of its kind stands in for it.
        """
        if self._measured.sufficient:
            return "measured"
        source = "roofline" if self._published is None else "vllm_mfu"
        return f"{source}_assumed_card" if self._rates.assumed else source

    def least_seconds(self, done: StepCounts) -> ResourceSeconds | None:
        """What `done` needs of each resource at 100 %. None where no card is known."""
        if self._rates.assumed:
            return None
        return resource_seconds(self._model, self._rates.bound_for(self._model), done)

    def observe(self, work: Work) -> None:
        """An interval of one engine that held tokens: evidence for the measured split."""
        self._measured.observe(work)

    def prefill_share(self, done: StepCounts) -> float:
        """Prefill's share of the time that `done` took, 0 to 1; `done.has_tokens` must hold."""
        if self._measured.sufficient:
            seconds = self._measured.seconds(done)
            if seconds.prefill + seconds.decode > 0:
                return seconds.prefill / (seconds.prefill + seconds.decode)
        seconds = self._estimated(done)
        return seconds.prefill / (seconds.prefill + seconds.decode)

    def _estimated(self, counts: StepCounts) -> RooflineSeconds:
        if self._published is not None and counts.prefill_step_flops + counts.decode_step_flops > 0:
            return published_seconds(self._published, self._rates, counts)
        return roofline_seconds(self._model, self._rates, counts)


class PhaseCharge(NamedTuple):
    """What one tick adds to each phase; the two add up to the active money of the tick."""

    method: str
    prefill_usd: float
    decode_usd: float


class PhaseLedger:
    """Divides one engine's active money tick by tick, so that the phases always add up to it and never decrease.

    Prompt tokens are reported when a prompt is finished, seconds after its first chunk ran. Active time that has
    produced no token yet is charged to prefill (a decode step would have produced one), and when the tokens
    arrive the whole interval since the last ones is divided by its work; a tick can move at most its own money, so
    a correction larger than that is caught up over the next ticks.
    """

    __slots__ = ("_charged_prefill_usd", "_due_prefill_usd", "_pending_usd", "_pending_work", "_unlearned")

    def __init__(self) -> None:
        self._due_prefill_usd = 0.0
        self._charged_prefill_usd = 0.0
        self._pending_usd = 0.0
        self._pending_work = NOTHING
        self._unlearned = NOTHING

    def charge(
        self, split: PhaseSplit, active_usd: float, work: Work, ran_empty: bool = False
    ) -> PhaseCharge:
        """Divides `active_usd`, the active money of the tick in which `work` was done. `ran_empty`: the engine had
        nothing to do in a part of the tick, so that no work is half reported at its end."""
        self._teach(split, work, ran_empty)
        self._pending_usd += active_usd
        self._pending_work += work
        if self._pending_work.counts.has_tokens:
            self._due_prefill_usd += self._pending_usd * split.prefill_share(self._pending_work.counts)
            self._pending_usd, self._pending_work = 0.0, NOTHING
        owed = self._due_prefill_usd + self._pending_usd - self._charged_prefill_usd
        prefill = min(max(owed, 0.0), active_usd)
        self._charged_prefill_usd += prefill
        return PhaseCharge(split.method, prefill, active_usd - prefill)

    def _teach(self, split: PhaseSplit, work: Work, ran_empty: bool) -> None:
        self._unlearned += work
        enough = SHORT_FIT_SECONDS if ran_empty else FIT_SECONDS
        if self._unlearned.counts.has_tokens and self._unlearned.active_seconds >= enough:
            split.observe(self._unlearned)
            self._unlearned = NOTHING
