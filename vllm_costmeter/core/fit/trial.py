"""Changes, each judged by the same `fit`."""

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
"""A context below this serves no conversation: a length under it is not worth suggesting beside other changes."""


@dataclass(frozen=True, slots=True)
class Trials:
    """What stays the same while the flags and the GPU change."""

    model: Model
    release: Release
    starts: tuple[ServerStart, ...] = ()

    def tried(self, change: Change) -> list[Suggestion]:
        """The change as a suggestion where it fits; where only its length is too long, with the length that fits."""
        try:
            if surely_too_heavy(self.model, change.gpu, change.engine_args, self.release):
                return []
            result = fit(self.model, change.gpu, change.engine_args, self.release, self.starts)
        except (BadInputError, NotUnderstoodError):
            return []
        longest = result.max_model_len_that_fits or 0
        if result.verdict == "fits":
            return [Suggestion(change.change, change.arguments, "fits", longest, change.usd_per_hour)]
        if change.engine_args.max_model_len == longest or longest < SHORTEST_USEFUL_TOKENS:
            return []
        shorter = replace(
            change,
            change={**change.change, "max_model_len": longest},
            arguments=f"{change.arguments} --max-model-len {longest}",
            engine_args=replace(change.engine_args, max_model_len=longest),
        )
        return self.tried(shorter)

    def until_one_fits(self, changes: Iterable[Change]) -> list[Suggestion]:
        """Changes from the least on; one that fits as it stands ends the search."""
        found: list[Suggestion] = []
        for change in changes:
            judged = self.tried(change)
            found += judged
            if self.is_enough(judged):
                break
        return found

    def is_enough(self, judged: list[Suggestion]) -> bool:
        """Whether the change serves the length that was asked for, or the model's own maximum."""
        if not judged:
            return False
        first = judged[0]
        return (
            "max_model_len" not in first.change or first.max_model_len_that_fits >= self.model.max_model_len
        )
