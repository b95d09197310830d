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

    @property
    def predicted_gib(self) -> float | None:
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
        ends = self.result.kv_cache_available_range_bytes if self.result else None
        if ends is None or self.logged_gib is None:
            return None
        return ends[0] / GIB - 0.01 <= self.logged_gib <= ends[1] / GIB + 0.01

    @property
    def verdict(self) -> str:
        return self.result.verdict if self.result else "-"

    @property
    def verdict_holds(self) -> bool:
        if self.outcome == "refused_kv":
            return self.verdict in ("refused", "tight")
        return self.verdict in ("fits", "tight") or self.outcome != "served"
