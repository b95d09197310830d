"""Split of active cost between prefill and decode by work."""

from __future__ import annotations

from typing import NamedTuple

from vllm_costmeter.core.meter.split.measured import MeasuredCosts
from vllm_costmeter.core.meter.split.mfu_work import TokenWork, published_seconds
from vllm_costmeter.core.meter.split.roofline import (
    GpuRates,
    ModelWork,
    ResourceSeconds,
    RooflineSeconds,
    decode_kv_share,
    resource_seconds,
    roofline_seconds,
)
from vllm_costmeter.core.meter.step_counts import StepCounts
from vllm_costmeter.core.meter.work import NOTHING, Work

FIT_SECONDS = 5.0  # an interval this long blurs little at its ends: tokens are reported up to a step late
SHORT_FIT_SECONDS = 1.0  # enough where the engine ran empty: then nothing is half reported


class PhaseSplit:
    """The rule for prefill's share of the time of some work. One per server.

    At first by the roofline, or by the work that vLLM publishes for its steps; by this server's own measurements once
    they separate the phases well enough. Traffic of one constant mixture never does, and keeps the first rule.
    """

    def __init__(self, model: ModelWork, rates: GpuRates, published: TokenWork | None = None) -> None:
        self._model = model
        self._rates = rates
        self._published = published
        self._measured = MeasuredCosts(model, rates)

    @property
    def method(self) -> str:
        """The label of the split: `measured`; `vllm_mfu`, by vLLM's own estimates (`mfu` as in its flag); or
        `roofline`. The latter two end in `_assumed_gpu` if the GPU is unknown and a typical ratio is used.
        """
        if self._measured.sufficient:
            return "measured"
        source = "roofline" if self._published is None else "vllm_mfu"
        return f"{source}_assumed_card" if self._rates.assumed else source

    def least_seconds(self, done: StepCounts) -> ResourceSeconds | None:
        """The time that `done` needs of each resource at 100 %. None if no GPU is known."""
        if self._rates.assumed:
            return None
        return resource_seconds(self._model, self._rates.bound_for(self._model), done)

    def observe(self, work: Work) -> None:
        """Add an interval of one engine with tokens: evidence for the measured split."""
        self._measured.observe(work)

    def kv_share(self, done: StepCounts) -> float:
        """The share of reading the KV cache in what the decode steps of `done` read, 0 to 1."""
        return decode_kv_share(self._model, done)

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
    """The amount of each phase in one tick; the two add up to the active amount of the tick."""

    method: str
    prefill: float
    decode: float


class PhaseLedger:
    """Splits one engine's active cost (or energy) tick by tick, so that the phases always add up to it and never
    decrease.

    Prompt tokens are reported when a prompt is finished, seconds after its first chunk ran. Active time without tokens
    is charged to prefill (a decode step would have produced one); when the tokens arrive, the whole interval since the
    last ones is split by its work. A tick can shift at most its own cost, so a larger correction is spread over the
    next ticks.
    """

    __slots__ = ("_charged_prefill", "_due_prefill", "_pending", "_pending_work", "_teaches", "_unlearned")

    def __init__(self, *, teaches: bool = True) -> None:
        """`teaches`: whether the work is also evidence for the measured split, which may see it once only."""
        self._due_prefill = 0.0
        self._charged_prefill = 0.0
        self._pending = 0.0
        self._pending_work = NOTHING
        self._teaches = teaches
        self._unlearned = NOTHING

    def charge(self, split: PhaseSplit, active: float, work: Work, ran_empty: bool = False) -> PhaseCharge:
        """Split `active`, the active cost of the tick in which `work` was done. `ran_empty`: the engine was idle in
        part of the tick, so no work is only partly reported at its end."""
        if self._teaches:
            self._teach(split, work, ran_empty)
        self._pending += active
        self._pending_work += work
        if self._pending_work.counts.has_tokens:
            self._due_prefill += self._pending * split.prefill_share(self._pending_work.counts)
            self._pending, self._pending_work = 0.0, NOTHING
        owed = self._due_prefill + self._pending - self._charged_prefill
        prefill = min(max(owed, 0.0), active)
        self._charged_prefill += prefill
        return PhaseCharge(split.method, prefill, active - prefill)

    def _teach(self, split: PhaseSplit, work: Work, ran_empty: bool) -> None:
        self._unlearned += work
        enough = SHORT_FIT_SECONDS if ran_empty else FIT_SECONDS
        if self._unlearned.counts.has_tokens and self._unlearned.active_seconds >= enough:
            split.observe(self._unlearned)
            self._unlearned = NOTHING
