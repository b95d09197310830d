"""One assembly of a check: the release, the model with its drafter, recorded starts and rental offers.

The command, Python, a starting server, exact mode, `matrix`, `estimate` and the scripts all gather them here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release

if TYPE_CHECKING:
    from vllm_costmeter.core.calibration.server_start import ServerStart
    from vllm_costmeter.core.fit.offers import RentalOffer

Calibration = Literal["gpu", "cpu", "none"]
"""Whose recorded starts are used: of servers on such GPUs, of vLLM's CPU build checked as such a GPU, or nobody's."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an answer about any model on one kind of GPU rests on."""

    release: Release
    starts: tuple[ServerStart, ...] = ()
    """Recorded starts of real servers on such GPUs, the oldest first."""
    notes: tuple[str, ...] = ()
    """What a reader should know of them."""


@dataclass(frozen=True, slots=True)
class Check:
    """One deployment and everything its answer rests on."""

    model: Model
    """With the drafter that the flags load, where its memory is known."""
    gpu: GpuGroup
    engine_args: EngineArgs
    grounds: Grounds

    def fit(self) -> Fit:
        """The answer without suggestions. BadInputError for flags that contradict each other."""
        found = fit(self.model, self.gpu, self.engine_args, self.grounds.release, self.grounds.starts)
        return replace(found, notes=(*found.notes, *self.grounds.notes))

    def suggested(self, found: Fit) -> Fit:
        """The same answer with the changes, and the GPUs of the catalogue, with which the model fits."""
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
        )

    def answer(self) -> Fit:
        """The whole answer."""
        from vllm_costmeter.core.fit.sizing import with_most_seqs

        return self.suggested(with_most_seqs(self.fit(), self.grounds.starts))


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
) -> Check:
    """The check of a model by name, or of one that is open already.

    `release`: None is the installed vLLM's, or the newest known where none is installed. `open_draft` opens the draft
    model of `--speculative-config` by name and method where it is not to be opened as any model is. BadInputError and
    NotUnderstoodError as the sources raise them.
    """
    from vllm_costmeter.sources.models.served_releases import served_releases

    if isinstance(model, str):
        from vllm_costmeter.sources.models.open import open_model

        model = open_model(model, revision, hub_token)
    first, last = served_releases(model.architecture)
    model = replace(model, first_release=first, last_release=last)
    if engine_args.speculative_config is not None:
        from vllm_costmeter.sources.models.drafter import open_draft_model, with_drafter

        model = with_drafter(model, engine_args, open_draft or open_draft_model)
    return Check(model, gpu, engine_args, grounds_on(gpu, release, calibration))


def grounds_on(gpu: GpuGroup, release: Release | None = None, calibration: Calibration = "gpu") -> Grounds:
    """The release, as in `assembled`, and the recorded starts on such a GPU."""
    if release is None:
        from vllm_costmeter.sources.vllm.installed import installed_release

        release = installed_release()
    if calibration == "none":
        return Grounds(release)
    from vllm_costmeter.sources.files.calibration import recall

    starts, fault = recall(gpu.name, on_cpu=calibration == "cpu")
    return Grounds(release, starts, () if fault is None else (fault,))


def catalogue_offers() -> list[RentalOffer]:
    """Every GPU of the catalogue with a known memory and price."""
    from vllm_costmeter.core.fit.offers import RentalOffer
    from vllm_costmeter.sources.catalogue.load import default_price, load_catalogue

    gpus = [gpu for gpu in load_catalogue().priced_gpus if gpu.memory_bytes is not None]
    prices = [(gpu, default_price(gpu)) for gpu in gpus]
    return [RentalOffer(gpu.as_gpu(), price.usd_per_gpu_hour) for gpu, price in prices if price is not None]
