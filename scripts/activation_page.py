"""docs/activation_trial.md: the trial's method, its errors and a row per deployment."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from logged_start import GIB, ROOT

PAGE = ROOT / "docs" / "activation_trial.md"
FORWARDS = ("eager", "compiled")


@dataclass(frozen=True)
class Trial:
    """One deployment and the boots of it."""

    name: str
    logged_gib: tuple[float, ...]
    """One per boot."""
    rule_gib: float
    held: Mapping[str, Any] | None
    """Bytes, as `scripts/profile_run` answers; None where it has no answer."""
    unavailable: str = ""

    def held_gib(self, forward: str) -> float | None:
        """The peak with the `eager` or the `compiled` forward pass, without the constant part."""
        if self.held is None or self.held[forward] is None:
            return None
        return float(max(self.held[forward], self.held["sampler"])) / GIB


Peak = Callable[[Trial], float | None]


def page(vllm_version: str, trials: Sequence[Trial], others: Mapping[str, Any]) -> str:
    """The whole page; `others` are answers about models of which nothing is logged."""
    ways = methods(trials)
    constants = ", ".join(f"{constant_gib(trials, forward):.3f} GiB ({forward})" for forward in FORWARDS)
    return "\n".join(
        [
            "# The activation peak from vLLM's profile run on tensors without memory",
            "",
            "Written by `scripts/activation_trial.py`; do not edit. What follows from it: [exact.md](exact.md).",
            "",
            f"vLLM {vllm_version} (the installed one) was asked about the boots of vLLM 0.19.0 on H100 of",
            "`tests/data/corpus`, in the way of exact mode: its model on the meta device for a pretended card, then",
            "its profile run (8192 tokens, logits of 1024 sequences, the sampler), with the bytes of every live tensor",
            "followed. Between 0.19 and 0.32 the layers barely differ; the dummy sampler run is one pass of PyTorch's",
            "sampler with the Triton kernel for top-k and top-p, which is the default of 0.19.1's source.",
            "",
            "- *eager*: the Python that a default server would compile, run operator by operator.",
            "- *compiled*: the same traced, split at attention by vLLM's own function, each piece lowered and fused by",
            "  Inductor's own scheduler for a CUDA device that is not there; its estimate of the piece's peak counts.",
            "- vLLM's custom operators run by their own Python, so that the workspaces of experts and of MLA are seen.",
            "  Compiled kernels do nothing; where they quantize, *compiled* does not see what they read (too little).",
            f"- To both the median of what the boots logged beyond is added: {constants}.",
            "- *rule* is that of `core/engine/activations.py`, which was fitted to these boots.",
            "- Not seen: the image encoder's part (it needs the model's image processor).",
            "",
            "| | boots | mean absolute error | worst | of |",
            "|---|---|---|---|---|",
            *(_summary(name, trials, peak) for name, peak in ways.items()),
            "",
            "Errors are predicted less logged, in GiB per GPU.",
            "",
            "| deployment | boots | logged | rule | eager | compiled | layers eager | compiled | sampler | not run |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *(_row(trial, ways) for trial in trials),
            "",
            "The three columns before the last are bytes alive at the peak of each part, in GiB, without the constant.",
            "",
            *_others(others),
        ]
    )


def methods(trials: Sequence[Trial]) -> dict[str, Peak]:
    """Each way to predict the peak."""

    def with_constant(forward: str) -> Peak:
        constant = constant_gib(trials, forward)
        return lambda trial: None if (held := trial.held_gib(forward)) is None else held + constant

    return {"rule": lambda trial: trial.rule_gib} | {forward: with_constant(forward) for forward in FORWARDS}


def constant_gib(trials: Sequence[Trial], forward: str) -> float:
    """The one fitted number of the trial: the median of what boots logged beyond what tensors hold."""
    return -statistics.median(errors_gib(trials, lambda trial: trial.held_gib(forward)))


def errors_gib(trials: Sequence[Trial], peak: Peak) -> list[float]:
    """Predicted less logged, one per boot that has a prediction."""
    found = ((trial, peak(trial)) for trial in trials)
    return [each - logged for trial, each in found if each is not None for logged in trial.logged_gib]


def _summary(name: str, trials: Sequence[Trial], peak: Peak) -> str:
    found = errors_gib(trials, peak)
    worst = max(found, key=abs)
    of = next(trial.name for trial in trials if worst in errors_gib([trial], peak))
    return f"| {name} | {len(found)} | {statistics.mean(map(abs, found)):.3f} | {worst:+.2f} | {of} |"


def _row(trial: Trial, ways: Mapping[str, Peak]) -> str:
    logged = statistics.median(trial.logged_gib)
    cells = [
        "-" if (each := peak(trial)) is None else f"{each:.2f} ({each - logged:+.2f})"
        for peak in ways.values()
    ]
    held = trial.held or {}
    parts = [_gib(held.get(name)) for name in (*FORWARDS, "sampler")]
    not_run = "; ".join(held.get("not_run", [])) or trial.unavailable
    row = (trial.name, str(len(trial.logged_gib)), f"{logged:.2f}", *cells, *parts, not_run)
    return f"| {' | '.join(row)} |"


def _others(answers: Mapping[str, Any]) -> list[str]:
    whole = [name for name, reply in answers.items() if "held" in reply and not reply["held"]["not_run"]]
    silent = [name for name, reply in answers.items() if "held" not in reply]
    return [
        f"## {len(answers)} other models, on one card",
        "",
        f"Nothing is logged of them; asked is whether the run works at all. {len(whole)} run whole; in "
        f"{len(answers) - len(whole) - len(silent)} something does not",
        f"run without compiled kernels, so that its memory may be missing; {len(silent)} give no answer. GiB.",
        "",
        "| model | layers, eager | sampler | not run |",
        "|---|---|---|---|",
        *(_other(name, reply) for name, reply in answers.items()),
        "",
    ]


def _other(name: str, reply: Mapping[str, Any]) -> str:
    if "held" not in reply:
        return f"| {name} | - | - | {reply['unavailable'].replace('|', '/')[:120]} |"
    held = reply["held"]
    return f"| {name} | {_gib(held['eager'])} | {_gib(held['sampler'])} | {'; '.join(held['not_run'])} |"


def _gib(bytes_: int | None) -> str:
    return f"{bytes_ / GIB:.3f}" if bytes_ else "-"
