"""Assembles a check: the release, the model with its drafter, recorded starts and rental offers.

The command, the Python API, a starting server, exact mode, `matrix`, `estimate` and the scripts all use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.runner_choice import is_first_on_rocm
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.overheads import is_amd
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release

if TYPE_CHECKING:
    from datetime import date

    from vllm_costmeter.core.calibration.server_start import ServerStart
    from vllm_costmeter.core.fit.offers import RentalOffer

Calibration = Literal["gpu", "cpu", "none"]
"""Recorded starts to use: those on the same GPU, those of vLLM's CPU build checked as that GPU, or none."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """The basis of a check of any model on one kind of GPU."""

    release: Release
    starts: tuple[ServerStart, ...] = ()
    """Recorded starts of real servers on such GPUs, oldest first."""
    notes: tuple[str, ...] = ()
    """Notes about them for the result."""


@dataclass(frozen=True, slots=True)
class Check:
    """One deployment and everything that its result depends on."""

    model: Model
    """The model, with the drafter that the flags load if its memory is known."""
    gpu: GpuGroup
    engine_args: EngineArgs
    grounds: Grounds
    with_hybrid_manager: EngineArgs | None = None
    """The flags if vLLM keeps its hybrid KV cache manager on, where that cannot be known; `engine_args` have it off."""

    def fit(self) -> Fit:
        """The result without suggestions. BadInputError for flags that contradict each other."""
        found = fit(self.model, self.gpu, self.engine_args, self.grounds.release, self.grounds.starts)
        if self.with_hybrid_manager is not None and found.verdict == "refused":
            other = fit(
                self.model, self.gpu, self.with_hybrid_manager, self.grounds.release, self.grounds.starts
            )
            if other.verdict != "refused":
                message = (
                    f"the connector decides whether vLLM keeps its hybrid KV cache manager. With it: {other.message}. "
                    f"Without it: {found.message}"
                )
                found = replace(found, verdict="unknown", reason="not_understood", message=message)
        return replace(found, notes=(*found.notes, *self.grounds.notes))

    def suggested(self, found: Fit) -> Fit:
        """`found` with the changes of flags and the catalogue's GPUs with which the model fits."""
        if found.verdict not in ("refused", "tight"):
            return found
        from vllm_costmeter.core.fit.suggest import with_suggestions

        return with_suggestions(
            found,
            self.model,
            self.gpu,
            self.engine_args,
            starts=self.grounds.starts,
            offers=catalogue_offers(),
            slices=slice_offers(self.gpu) if self.gpu.is_slice else (),
        )

    def answer(self) -> Fit:
        """The complete result: verdict, largest --max-num-seqs and suggestions. BadInputError as `fit`."""
        from vllm_costmeter.core.fit.sizing import with_most_seqs

        found = with_most_seqs(self.fit(), self.grounds.starts)
        if found.verdict == "fits" and found.above_budget is not None and found.above_budget.may_exceed:
            from vllm_costmeter.core.fit.room import with_room

            return with_room(found, self.grounds.starts)
        return self.suggested(found)


def assembled(
    model: str | Model,
    gpu: GpuGroup,
    engine_args: EngineArgs,
    *,
    release: Release | None = None,
    calibration: Calibration = "gpu",
    revision: str | None = None,
    hub_token: str | None = None,
    open_draft: Callable[[str, str | None], Model | None] | None = None,
    hybrid_manager_is_off: bool | None = None,
) -> Check:
    """The check of a model, given by name or already opened.

    `release` None: that of the installed vLLM, or the newest known if none is installed. `open_draft` opens
    the draft model of `--speculative-config`, given its name and method; None: like any model.
    `hybrid_manager_is_off`: as a starting vLLM has resolved it; None: as the flags make it. BadInputError for
    an unreadable model, NotUnderstoodError for one whose memory rules are not known.
    """
    from vllm_costmeter.sources.models.served_releases import served_releases

    if isinstance(model, str):
        from vllm_costmeter.sources.models.open import open_model

        model = open_model(model, revision, hub_token)
    grounds = grounds_on(gpu, release, calibration)
    if model.lengths_before_0_30 is not None and grounds.release.number < (0, 30, 0):
        longest, default = model.lengths_before_0_30
        model = replace(model, max_model_len=longest, default_max_model_len=default)
    first, last = served_releases(model.architecture)
    model = replace(model, first_release=first, last_release=last)
    if engine_args.model_impl == "transformers":
        from vllm_costmeter.core.model.transformers_backend import served_by_transformers

        model = served_by_transformers(model)
    if engine_args.enable_lora or engine_args.speculative_config is not None:
        from vllm_costmeter.sources.models.interfaces import lacking

        model = replace(model, lacks=lacking(model.architecture))
    if engine_args.speculative_config is not None:
        from vllm_costmeter.core.fit.drafted_length import drafted_length
        from vllm_costmeter.core.model.draft_facts import unmodelled_notes
        from vllm_costmeter.sources.models.drafter import open_draft_model, with_drafter

        model = with_drafter(model, engine_args, open_draft or open_draft_model)
        model, engine_args, note = drafted_length(model, engine_args, grounds.release)
        notes = (*grounds.notes, *note, *unmodelled_notes(engine_args.speculative_config or {}))
        grounds = replace(grounds, notes=notes)
    runs_first = is_first_on_rocm(model.architecture, engine_args, grounds.release.number, model.draft_facts)
    if runs_first and is_amd(gpu) and engine_args.second_runner is None:
        engine_args = replace(engine_args, second_runner=False)
    if hybrid_manager_is_off is None and not engine_args.may_turn_hybrid_manager_off:
        return Check(model, gpu, engine_args, grounds)
    from vllm_costmeter.core.kv_cache.hybrid_manager import decided

    chosen = decided(model, engine_args, grounds.release, hybrid_manager_is_off)
    grounds = replace(grounds, notes=(*grounds.notes, *chosen.notes))
    return Check(model, gpu, chosen.engine_args, grounds, chosen.with_manager)


def grounds_on(gpu: GpuGroup, release: Release | None = None, calibration: Calibration = "gpu") -> Grounds:
    """The release, as in `assembled`, and the recorded starts on this kind of GPU."""
    if release is None:
        from vllm_costmeter.sources.vllm.installed import installed_release

        release = installed_release()
    if calibration == "none":
        return Grounds(release)
    from vllm_costmeter.sources.files.calibration import recall

    starts, fault = recall(gpu.name, on_cpu=calibration == "cpu")
    return Grounds(release, starts, () if fault is None else (fault,))


def slice_offers(gpu: GpuGroup) -> list[RentalOffer]:
    """The MIG slices of the GPU that `gpu` is a slice of."""
    from vllm_costmeter.core.fit.offers import RentalOffer
    from vllm_costmeter.sources.gpu.slices import slices_beside

    return [
        RentalOffer(each, each.price.usd_per_hour, each.price.as_of, each.price.is_stale)
        if each.price
        else RentalOffer(each)
        for each in slices_beside(gpu)
    ]


def catalogue_offers(today: date | None = None) -> list[RentalOffer]:
    """All GPUs in the catalogue with a known memory size and price, which is stale after 90 days."""
    from datetime import UTC, datetime

    from vllm_costmeter.core.fit.offers import RentalOffer
    from vllm_costmeter.core.pricing.quote import STALE_AFTER_DAYS
    from vllm_costmeter.sources.catalogue.load import default_price, load_catalogue

    gpus = [gpu for gpu in load_catalogue().priced_gpus if gpu.memory_bytes is not None]
    prices = [(gpu, default_price(gpu)) for gpu in gpus]
    day = today or datetime.now(UTC).date()
    return [
        RentalOffer(gpu.as_gpu(), price.usd_per_gpu_hour, price.as_of, price.age_days(day) > STALE_AFTER_DAYS)
        for gpu, price in prices
        if price is not None
    ]
