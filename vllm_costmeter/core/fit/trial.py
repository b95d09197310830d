"""Checks changes to a deployment with `fit`."""

from __future__ import annotations

from collections.abc import Iterable

from vllm_costmeter.core.calibration.server_start import ServerStart
from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.change import Change
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.result import Suggestion
from vllm_costmeter.core.memory.loaded import surely_too_heavy
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release

SHORTEST_USEFUL_TOKENS = 1024
"""A shorter context than this is too short for a conversation, so no other change is combined with it."""


@dataclass(frozen=True, slots=True)
class Trials:
    """What all trials share: flags and GPU vary."""

    model: Model
    release: Release
    starts: tuple[ServerStart, ...] = ()

    def tried(self, change: Change) -> list[Suggestion]:
        """The change as a suggestion if it fits; with a shorter context if only the context is too long.

        Empty if it does not fit, contradicts itself or is not understood.
        """
        try:
            if surely_too_heavy(self.model, change.gpu, change.engine_args, self.release):
                return []
            result = fit(self._drafted(change), change.gpu, change.engine_args, self.release, self.starts)
        except (BadInputError, NotUnderstoodError):
            return []
        longest = result.max_model_len_that_fits or 0
        if result.verdict == "fits":
            return [
                Suggestion(
                    change.change,
                    change.arguments,
                    "fits",
                    longest,
                    change.usd_per_hour,
                    gpus=change.engine_args.layout.world_size,
                    price_as_of=change.price_as_of,
                    is_price_stale=change.is_price_stale,
                )
            ]
        if change.engine_args.max_model_len == longest or longest < SHORTEST_USEFUL_TOKENS:
            return []
        shorter = replace(
            change,
            change={**change.change, "max_model_len": longest},
            arguments=f"{change.arguments} --max-model-len {longest}",
            engine_args=replace(change.engine_args, max_model_len=longest),
        )
        return self.tried(shorter)

    def _drafted(self, change: Change) -> Model:
        """The model, its drafter with the changed `--speculative-config`."""
        asked, drafter = change.engine_args.speculative_config, self.model.drafter
        if asked is None or drafter is None or drafter.speculative_config == asked:
            return self.model
        return self.model.drafted_by(drafter, asked)

    def until_one_fits(self, changes: Iterable[Change]) -> list[Suggestion]:
        """Suggestions from `changes`, in order, up to the first that serves the full context."""
        found: list[Suggestion] = []
        for change in changes:
            judged = self.tried(change)
            found += judged
            if self.is_enough(judged):
                break
        return found

    def is_enough(self, judged: list[Suggestion]) -> bool:
        """Whether the change serves the requested context, or the model's maximum."""
        if not judged:
            return False
        first = judged[0]
        return (
            "max_model_len" not in first.change or first.max_model_len_that_fits >= self.model.max_model_len
        )
