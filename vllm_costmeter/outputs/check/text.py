"""One fit check for people: a picture of the card, the verdict in one line, what to change."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Mapping
from typing import TextIO

from vllm_costmeter.core.fit.result import Fit, MemoryUse, Suggestion, Verdict
from vllm_costmeter.core.memory.byte_range import GIB

WIDEST, NARROWEST = 78, 40
UNLIMITED = 1000
"""Columns of what is no terminal: text is set to 78, and no row is broken."""

COLOURS: Mapping[Verdict, str] = {"fits": "32", "tight": "33", "refused": "31", "unknown": "35"}

PARTS = (
    ("weights", "weights_bytes", "█", "#"),
    ("activations", "activations_bytes", "▓", "a"),
    ("CUDA graphs", "cuda_graphs_bytes", "▒", "g"),
    ("non-torch", "non_torch_bytes", "░", "n"),
    ("KV needed", "kv_cache_needed_bytes", "▚", "k"),
)
"""Name, field of MemoryUse, how it is drawn, and how it is drawn where the output is not Unicode."""


def write(fit: Fit, out: TextIO, environ: Mapping[str, str] = os.environ, width: int | None = None) -> None:
    """Print the answer; colour only on a terminal, and never under NO_COLOR."""
    coloured = out.isatty() and not environ.get("NO_COLOR")
    width = columns_of(out) if width is None else width
    encoding = (getattr(out, "encoding", None) or "ascii").lower()
    lines = render(fit, width=width, coloured=coloured, plain=not encoding.startswith("utf"))
    print("\n".join(lines), file=out)


def columns_of(out: TextIO) -> int:
    """Width of the terminal; UNLIMITED where `out` is none."""
    return shutil.get_terminal_size().columns if out.isatty() else UNLIMITED


def render(fit: Fit, *, width: int = UNLIMITED, coloured: bool = False, plain: bool = False) -> list[str]:
    """The answer as lines no wider than `width` (words, and flags to paste, are never cut); text takes 78 at most."""
    columns, width = width, max(NARROWEST, min(width, WIDEST))
    lines = _wrapped(_title(fit), width)
    if fit.per_gpu is not None:
        lines += [
            "",
            *_picture(fit.per_gpu, fit.gpu.memory_bytes, width, plain),
            *_table(fit, fit.per_gpu, columns, plain),
        ]
    elif fit.known_weights_bytes is not None and fit.known_budget_bytes is not None:
        lines += [
            "",
            f"  {'weights':<12}{_gib(fit.known_weights_bytes):>14}   of {_gib(fit.known_budget_bytes)} budget",
        ]
    verdict = f"{fit.verdict}: {fit.message}" if fit.verdict != "fits" else fit.message
    lines += ["", *(_painted(line, fit.verdict, coloured) for line in _wrapped(verdict, width))]
    lines += _suggestions(fit, columns)
    for note in fit.notes:
        lines += _wrapped(f"note: {note}", width)
    return lines


def refusal_lines(fit: Fit) -> list[str]:
    """Plain lines for a server's log: what was needed, what there is, and what to change; one line when it fits."""
    lines = [f"{fit.verdict}: {fit.message}" if fit.verdict != "fits" else fit.message]
    use = fit.per_gpu
    if fit.verdict in ("refused", "tight") and use is not None:
        lines.append(
            f"per GPU: budget {_gib(use.budget_bytes)} = weights {_gib(use.weights_bytes)} + activations "
            f"{_gib(use.activations_bytes)} + CUDA graphs {_gib(use.cuda_graphs_bytes)} + non-torch "
            f"{_gib(use.non_torch_bytes)} + KV cache {_gib(use.kv_cache_available_bytes)}; "
            f"one sequence of {fit.engine.max_model_len} tokens needs {_gib(use.kv_cache_needed_bytes)}"
        )
    for suggestion in fit.suggestions:
        lines.append(f"try {suggestion.arguments}  {_consequence(suggestion)}")
    return lines


def _title(fit: Fit) -> str:
    count = f"{fit.engine.world_size} x " if fit.engine.world_size > 1 else ""
    length = f", --max-model-len {fit.engine.max_model_len}" if fit.engine.max_model_len else ""
    return (
        f"{fit.model.id} on {count}{fit.gpu.name} ({_gib(fit.gpu.memory_bytes)}), "
        f"vLLM {fit.engine.release}{length}"
    )


def _picture(use: MemoryUse, total_bytes: int, width: int, plain: bool) -> list[str]:
    """One bar for one card; what does not fit on the card runs over its end."""
    cells = width - 2
    scale = max(total_bytes, sum(getattr(use, field) for _, field, _, _ in PARTS))
    drawn = ""
    reached = 0
    for _, field, block, letter in PARTS:
        reached += max(getattr(use, field), 0)
        drawn += (letter if plain else block) * (round(cells * reached / scale) - len(drawn))
    end = round(cells * total_bytes / scale)
    drawn = drawn.ljust(end, "." if plain else "·")
    return [f"[{drawn}]" if end >= cells else f"[{drawn[:end]}]{drawn[end:]}"]


def _table(fit: Fit, use: MemoryUse, width: int, plain: bool) -> list[str]:
    free = use.kv_cache_available_bytes - use.kv_cache_needed_bytes
    rows = [(letter if plain else block, name, getattr(use, field)) for name, field, block, letter in PARTS]
    rows.append(("." if plain else "·", "free", max(free, 0)))
    lines = [[f"  {mark} {name:<12}{_gib(amount):>14}"] for mark, name, amount in rows]
    lines[-2].append(f"of {_gib(max(use.kv_cache_available_bytes, 0))} left for it")
    share = f"{fit.engine.gpu_memory_utilization:g} of {_gib(fit.gpu.memory_bytes)}"
    if fit.engine_args.kv_cache_memory_bytes is not None:
        share = "as --kv-cache-memory-bytes has it"
    lines.append([f"    {'budget':<12}{_gib(use.budget_bytes):>14}", share])
    if fit.kv_cache is not None and fit.kv_cache.tokens:
        sequences = f"{fit.kv_cache.max_concurrency:.2f} sequences of {fit.engine.max_model_len} tokens"
        lines.append([f"    {'KV cache':<12}{fit.kv_cache.tokens:>10,} tok", sequences])
    return _beside(lines, width)


def _beside(rows: list[list[str]], width: int, gap: str = "   ") -> list[str]:
    """Each remark behind its row, in a narrow terminal without room for all of them below it."""
    lines = [gap.join(row) for row in rows]
    if max(map(len, lines)) <= width:
        return lines
    return [line for row in rows for line in (row[0], *(f"      {remark}" for remark in row[1:]))]


def _suggestions(fit: Fit, width: int) -> list[str]:
    if not fit.suggestions:
        return []
    longest = max(len(suggestion.arguments) for suggestion in fit.suggestions)
    rows = [[f"  {each.arguments:<{longest}}", _consequence(each)] for each in fit.suggestions]
    return ["", "what to change:", *(line.rstrip() for line in _beside(rows, width, gap="  "))]


def _consequence(suggestion: Suggestion) -> str:
    price = f", {suggestion.usd_per_hour:.2f} $/h" if suggestion.usd_per_hour is not None else ""
    return f"(up to {suggestion.max_model_len_that_fits} tokens{price})"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)


def _painted(line: str, verdict: Verdict, coloured: bool) -> str:
    return f"\x1b[1;{COLOURS[verdict]}m{line}\x1b[0m" if coloured else line


def _gib(bytes_: int) -> str:
    return f"{bytes_ / GIB:.2f} GiB"
