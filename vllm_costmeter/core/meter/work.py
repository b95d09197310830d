"""What an engine did in an interval of active time."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.meter.step_counts import StepCounts


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one engine over an interval of active time; `+` joins two intervals."""

    active_seconds: float = 0.0
    counts: StepCounts = field(default_factory=StepCounts)

    def __add__(self, other: Work) -> Work:
        return Work(self.active_seconds + other.active_seconds, self.counts + other.counts)


NOTHING = Work()
