"""Compare the fit check with logs of real servers: a table of cases, a summary, docs/accuracy.md.

python -m scripts.accuracy.page            print and write
python -m scripts.accuracy.page --check    print, write nothing; exit 1 if a target is missed
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.accuracy import held_out, public, ranges, wild
from scripts.accuracy.logged_boots import boot_rows
from scripts.accuracy.logged_cases import case_rows
from scripts.accuracy.logged_start import ROOT, LoggedStart

REPORT = ROOT / "docs" / "accuracy.md"

_UNIFIED = (
    "unified memory: what takes or gives back host memory while vLLM loads counts, by gigabytes that change "
    "from start to start"
)
_FLASHINFER = (
    "FlashInfer's sampler holds 10 B per logit before 0.15, PyTorch's own 34, and no flag says which ran"
)
_PARALLEL = (
    "all-to-all buffers of eight data-parallel ranks with expert parallelism are not in the rules of 0.10"
)
CAUSES: Mapping[str, str] = {
    "jethac-gemma4-31b-bf16-gb10": _UNIFIED,
    "jethac-gemma4-31b-kvfp8-gb10": _UNIFIED,
    "jethac-gemma4-e4b-gb10": _UNIFIED,
    "jethac-gemma3-12b-kvfp8-gb10": "vLLM estimated 3.96 GiB of CUDA graphs there, 0.39 for the same model beside it",
    "recipes12-qwen3coder480b-fp8-dp8-h20-refused": _PARALLEL,
    "recipes12-qwen3coder480b-fp8-dp8-h20-u095-refused": _PARALLEL,
    "nemo-nemotron3super120b-bf16-tp4-h100pcie": "one log of 0.14.1 at TP 4; 0.9 GiB on the safe side of a small pool",
    "dennislee-qwen2-7b-a100-80-u025": _FLASHINFER,
    "dennislee-qwen2-7b-tp2-a100-80-u025": _FLASHINFER,
}


@dataclass(frozen=True)
class Target:
    """One line of the summary."""

    text: str
    measured: str
    holds: bool


def boot_targets(rows: Sequence[LoggedStart]) -> list[Target]:
    """The targets for the 0.19 boots."""
    errors = [row.error for row in rows if row.error is not None]
    mean, worst = statistics.mean(map(abs, errors)), max(map(abs, errors))
    tokens = [row.tokens_exact for row in rows if row.tokens_exact is not None]
    served = [row.verdict_holds for row in rows]
    inside = [row.contained for row in rows if row.contained is not None]
    return [
        Target("mean absolute error of the KV pool at most 1 %", _percent(mean), mean <= 0.01),
        Target("no boot worse than 5 %", _percent(worst), worst <= 0.05),
        Target("never more than 2 % over", _percent(max(errors)), max(errors) <= 0.02),
        Target("KV tokens of a given pool exact to one block", _share(tokens), all(tokens)),
        Target("every served boot predicted to serve", _share(served), all(served)),
        Target("the logged pool lies in the predicted range", _share(inside), True),
    ]


def case_targets(rows: Sequence[LoggedStart]) -> list[Target]:
    """The targets for the posted cases that state everything."""
    counted = [row for row in rows if row.left_out is None]
    errors = [abs(row.error) for row in counted if row.error is not None and row.outcome == "served"]
    median = statistics.median(errors)
    refused = [row.verdict_holds for row in counted if row.outcome == "refused_kv"]
    served = [row.verdict_holds for row in counted if row.outcome == "served"]
    inside = [row.contained for row in counted if row.contained is not None]
    return [
        Target("median error of the KV pool at most 3 %", _percent(median), median <= 0.03),
        Target("every logged refusal refused or tight", _share(refused), all(refused)),
        Target("no served case refused", _share(served), all(served)),
        Target("the logged pool lies in the predicted range", _share(inside), True),
    ]


def _share(answers: Sequence[bool]) -> str:
    return f"{sum(answers)} of {len(answers)}"


def report(boots: Sequence[LoggedStart], cases: Sequence[LoggedStart]) -> str:
    """docs/accuracy.md."""
    counted = [row for row in cases if row.left_out is None]
    uncounted = [row for row in (*boots, *cases) if row.left_out is not None]
    return "\n".join(
        [
            "# How exact the fit check is",
            "",
            "Written by `make accuracy`; do not edit. Pools are GiB per GPU available to the KV cache, predicted from",
            "the command's flags and config.json alone, against what the server logged. Sources:",
            "`tests/data/corpus/README.md`.",
            "",
            *ranges.section(boots, cases, wild.wild_starts()),
            f"## {sum(row.left_out is None for row in boots)} boots of vLLM 0.19.0 on H100",
            "",
            *_target_lines(boot_targets([row for row in boots if row.left_out is None])),
            "",
            *_table([row for row in boots if row.left_out is None]),
            "",
            "Pipelines log the first rank's pool, and their rows predict it; the smallest rank decides.",
            "",
            *held_out.section(),
            "## Start-ups that people posted (trust high, everything needed stated)",
            "",
            *_target_lines(case_targets(cases)),
            "",
            *_table(counted),
            "",
            "Errors above 5 %, and why:",
            "",
            *(f"- {row.name}: {CAUSES.get(row.name, 'not explained')}" for row in counted if is_large(row)),
            "",
            *wild.section(),
            *public.section(),
            "## Not counted, and why",
            "",
            "| case | outcome | logged | predicted | verdict | why |",
            "|---|---|---|---|---|---|",
            *(
                f"| {row.name} | {row.outcome} | {_gib(row.logged_gib)} | {_gib(row.predicted_gib)} "
                f"| {row.verdict} | {row.left_out} |"
                for row in uncounted
            ),
            "",
        ]
    )


def _table(rows: Sequence[LoggedStart]) -> list[str]:
    return [
        "| start-up | set-up | outcome | logged | predicted | error | in range | verdict |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {row.name} | {row.setup} | {row.outcome} | {_gib(row.logged_gib)} | {_gib(row.predicted_gib)} | "
            f"{_percent(row.error, signed=True)} | {_yes_or_no(row.contained)} | {row.verdict} |"
            for row in rows
        ),
    ]


def _target_lines(targets: Sequence[Target]) -> list[str]:
    return [f"- {'met' if each.holds else 'MISSED'}: {each.text}: {each.measured}" for each in targets]


def is_large(row: LoggedStart) -> bool:
    """Whether the error needs an explanation."""
    return row.error is not None and abs(row.error) > 0.05


def _yes_or_no(answer: bool | None) -> str:
    return "" if answer is None else "yes" if answer else "no"


def _gib(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _percent(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return ""
    return f"{100 * value:+.2f} %" if signed else f"{100 * value:.2f} %"


def main(words: Sequence[str]) -> int:
    """Print the report's tables and whether the targets are met; write the report unless --check."""
    boots, cases = list(boot_rows()), list(case_rows())
    text = report(boots, cases)
    print(text)
    if "--check" not in words:
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(text)
    targets = [*boot_targets([row for row in boots if row.left_out is None]), *case_targets(cases)]
    return 0 if all(target.holds for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
