"""Starts not seen when the rules were written: verdicts, pools and ranges, first starts separately."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from scripts.accuracy.logged_start import ROOT
from vllm_costmeter.assembly import assembled
from vllm_costmeter.cli.check.command import parsed
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.gpu.target import chosen_gpu

FOLDER = ROOT / "tests" / "data" / "wild"
FAILED = frozenset({"refused", "oom"})
FIRST_STARTS = frozenset(
    {
        "ailab-qwen3-32b-awq-5090-u070#cold",
        "ailab-qwen3-32b-awq-5090-u085",
        "h100shared-qwen25coder14b-fp8-u022",
    }
)
"""Logged with an empty compile cache: in a new container, or (the last) 0.59 GiB below the same start under
--enforce-eager, which only compiling takes."""
ROUNDING_GIB = 0.006


@dataclass(frozen=True)
class WildStart:
    """One logged case and the result for its command."""

    name: str
    release: str
    outcome: str
    logged_gib: float | None
    answer: Fit

    @property
    def pool_gib(self) -> tuple[float, float, float] | None:
        """Low, usual and high end; those of a first start if the log is of one."""
        first = self.answer.first_start if self.name in FIRST_STARTS else None
        use, ends = first or self.answer.per_gpu, self.answer.kv_cache_available_range_bytes
        if first is not None:
            ends = first.kv_cache_available_range_bytes
        if use is None or ends is None:
            return None
        return ends[0] / GIB, use.kv_cache_available_bytes / GIB, ends[1] / GIB

    @property
    def is_inside(self) -> bool | None:
        """Whether the logged pool is within the range; None if it was not logged or was set by a flag."""
        if self.logged_gib is None or self.pool_gib is None:
            return None
        low, _, high = self.pool_gib
        return None if low == high else low - ROUNDING_GIB <= self.logged_gib <= high + ROUNDING_GIB

    @property
    def verdict_holds(self) -> bool:
        """True unless a served start is refused or a failed one fits."""
        return self.answer.verdict != ("fits" if self.outcome in FAILED else "refused")


@cache
def wild_starts() -> tuple[WildStart, ...]:
    """Each case of starts.yaml, checked without recorded starts."""
    return tuple(_start(case) for case in yaml.safe_load((FOLDER / "starts.yaml").read_text()))


def _start(case: dict[str, Any]) -> WildStart:
    return WildStart(
        case["id"], case["vllm"], case["outcome"], case["stated"].get("pool"), fit_of(case["command"])
    )


def fit_of(command: str) -> Fit:
    """The result of `costmeter check COMMAND` for a model of this folder, without recorded starts."""
    asked = parsed(shlex.split(command.removeprefix("costmeter check ")))
    engine_args = asked.serve.engine_args()
    gpu = chosen_gpu(asked.gpu, asked.gpu_memory_gib, engine_args.layout)
    model, release = str(FOLDER / "models" / asked.models[0]), release_of(asked.vllm_version)
    return assembled(model, gpu, engine_args, release=release, calibration="none").fit()


def coverage(inside: Sequence[bool | None]) -> str:
    """ "12 of 14"."""
    known = [each for each in inside if each is not None]
    return f"{sum(known)} of {len(known)}"


def section() -> list[str]:
    """This section's lines in docs/accuracy.md."""
    starts = wild_starts()
    served = [each.verdict_holds for each in starts if each.outcome not in FAILED]
    failed = [each.verdict_holds for each in starts if each.outcome in FAILED]
    return [
        "## Starts untried when the rules were written",
        "",
        "`tests/data/wild/starts.yaml`; some configurations are reconstructed from published numbers.",
        "",
        f"- served starts not refused: {coverage(served)}",
        f"- failed starts not said to fit: {coverage(failed)}",
        f"- logged pools inside the range: {coverage([each.is_inside for each in starts])}",
        "",
        "| start-up | vLLM | outcome | logged | predicted | range | in range | verdict |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(each) for each in starts),
        "",
    ]


def _row(start: WildStart) -> str:
    logged = "" if start.logged_gib is None else f"{start.logged_gib:.2f}"
    pool = ("", "")
    if start.pool_gib is not None:
        low, usual, high = start.pool_gib
        pool = (f"{usual:.2f}", f"{low:.2f} to {high:.2f}")
    inside = {None: "", True: "yes", False: "no"}[start.is_inside]
    cells = (start.name, start.release, start.outcome, logged, *pool, inside, start.answer.verdict)
    return f"| {' | '.join(cells)} |"
