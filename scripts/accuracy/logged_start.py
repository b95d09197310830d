"""One start-up of a real server: its log and the fit check's prediction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.memory.byte_range import GIB

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "data" / "corpus"


@dataclass(frozen=True)
class LoggedStart:
    """One start-up: logged and predicted values."""

    name: str
    setup: str
    logged_gib: float | None
    result: Fit | None
    outcome: str = "served"
    tokens_exact: bool | None = None
    left_out: str | None = None
    """Why the case is shown but not counted."""
    first_rank_gib: tuple[float, float, float] | None = None
    """Low, usual and high pool of the first pipeline rank, whose pool a pipeline logs; None: there is one rank."""

    @property
    def predicted_gib(self) -> float | None:
        if self.first_rank_gib is not None:
            return self.first_rank_gib[1]
        use = self.result.per_gpu if self.result else None
        return use.kv_cache_available_bytes / GIB if use else None

    @property
    def error(self) -> float | None:
        if self.logged_gib is None or self.predicted_gib is None or self.logged_gib <= 0:
            return None
        return self.predicted_gib / self.logged_gib - 1

    @property
    def contained(self) -> bool | None:
        """Whether the logged pool is within the predicted range."""
        if self.range_gib is None or self.logged_gib is None:
            return None
        return self.range_gib[0] - 0.01 <= self.logged_gib <= self.range_gib[1] + 0.01

    @property
    def range_gib(self) -> tuple[float, float] | None:
        """The ends of the predicted pool."""
        if self.first_rank_gib is not None:
            return self.first_rank_gib[0], self.first_rank_gib[2]
        ends = self.result.kv_cache_available_range_bytes if self.result else None
        return None if ends is None else (ends[0] / GIB, ends[1] / GIB)

    @property
    def verdict(self) -> str:
        return self.result.verdict if self.result else "-"

    @property
    def verdict_holds(self) -> bool:
        if self.outcome == "refused_kv":
            return self.verdict in ("refused", "tight")
        return self.verdict in ("fits", "tight") or self.outcome != "served"
