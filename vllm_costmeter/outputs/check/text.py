"""One fit check as text: a picture of the GPU's memory, the verdict in one line and suggested changes."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from typing import TextIO

from vllm_costmeter.core.fit.result import Fit, MemoryUse, Suggestion, Verdict
from vllm_costmeter.core.memory.byte_range import GIB

WIDEST, NARROWEST = 78, 40
WHAT_TO_CHANGE = "what to change (up to: the longest context guaranteed to fit):"
UNLIMITED = 1000
"""Columns if the output is not a terminal: nothing is wrapped, so that each text stays one line."""

_LABEL = len("spare KV cache")

COLOURS: Mapping[Verdict, str] = {"fits": "32", "tight": "33", "refused": "31", "unknown": "35"}

PARTS = (
    ("weights", "weights_bytes", "█", "#"),
    ("activations", "activations_bytes", "▓", "a"),
    ("CUDA graphs", "cuda_graphs_bytes", "▒", "g"),
    ("non-torch", "non_torch_bytes", "░", "n"),
    ("KV needed", "kv_cache_needed_bytes", "▚", "k"),
)
"""Name, field of MemoryUse, and how it is drawn with and without Unicode."""


def write(
    fit: Fit,
    out: TextIO,
    environ: Mapping[str, str] = os.environ,
    width: int | None = None,
    *,
    all_suggestions: bool = False,
) -> None:
    """Print the result; in colour only on a terminal, and never with NO_COLOR."""
    coloured = out.isatty() and not environ.get("NO_COLOR")
    width = columns_of(out) if width is None else width
    encoding = (getattr(out, "encoding", None) or "ascii").lower()
    plain = not encoding.startswith("utf")
    lines = render(fit, width=width, coloured=coloured, plain=plain, all_suggestions=all_suggestions)
    print("\n".join(lines), file=out)


def columns_of(out: TextIO) -> int:
    """Width of the terminal; UNLIMITED if `out` is not one."""
    if not out.isatty():
        return UNLIMITED
    import shutil

    return shutil.get_terminal_size().columns


def render(
    fit: Fit,
    *,
    width: int = UNLIMITED,
    coloured: bool = False,
    plain: bool = False,
    all_suggestions: bool = False,
) -> list[str]:
    """The result, verdict first, as lines no wider than `width`; words and flags are never broken.

    On a terminal text is no wider than 78; with UNLIMITED width it is not wrapped.
    """
    columns, width = width, max(NARROWEST, min(width, WIDEST))
    text_width = columns if columns >= UNLIMITED else width
    verdict = f"{fit.verdict}: {fit.message}" if fit.verdict != "fits" else fit.message
    lines = [_painted(line, fit.verdict, coloured) for line in _wrapped(verdict, text_width)]
    lines += ["", *_wrapped(_title(fit), text_width)]
    if fit.per_gpu is not None:
        lines += [
            "",
            *_picture(fit.per_gpu, fit.gpu.memory_bytes, width, plain),
            *_table(fit, fit.per_gpu, columns, plain),
        ]
    elif fit.known_weights_bytes is not None and fit.known_budget_bytes is not None:
        lines += [
            "",
            f"  {'weights':<{_LABEL}}{_gib(fit.known_weights_bytes):>14}",
            f"  {'budget':<{_LABEL}}{_gib(fit.known_budget_bytes):>14}",
        ]
    if fit.suggestions:
        lines += _suggestions(fit, columns, all_suggestions)
    beside = [*above_budget_lines(fit), *(f"note: {note}" for note in fit.notes)]
    below = [line for text in beside for line in _wrapped(text, text_width)]
    return [*lines, "", *below] if below else lines


def refusal_lines(fit: Fit) -> list[str]:
    """Plain lines for a server's log: needed, available and suggested changes; one line if it fits."""
    lines = [f"{fit.verdict}: {fit.message}" if fit.verdict != "fits" else fit.message]
    use = fit.per_gpu
    if fit.verdict in ("refused", "tight") and use is not None:
        length = f"{fit.engine.max_model_len:,} tokens" if fit.engine.max_model_len else "one token"
        need = f"; {length} of context need {_gib(use.kv_cache_needed_bytes)}"
        lines.append(
            f"per GPU: budget {_gib(use.budget_bytes)} = weights {_gib(use.weights_bytes)} + activations "
            f"{_gib(use.activations_bytes)} + CUDA graphs {_gib(use.cuda_graphs_bytes)} + non-torch "
            f"{_gib(use.non_torch_bytes)} + KV cache {_gib(use.kv_cache_available_bytes)}"
            f"{'' if fit.reason == 'kv_cache' else need}"
        )
    lines += above_budget_lines(fit)
    if fit.suggestions:
        from vllm_costmeter.outputs.check.changes import consequence
    for suggestion in fit.suggestions:
        lines.append(f"try {_served_with(suggestion)}  {consequence(suggestion, fit.engine.world_size)}")
    return lines


def above_budget_lines(fit: Fit) -> list[str]:
    """One line if a server that fits may exceed the GPU's memory later, and the flag that leaves room."""
    above = fit.above_budget
    if fit.verdict != "fits" or above is None or not above.may_exceed:
        return []
    most = f"above its budget, vLLM uses {_gib(above.bytes)}, at most {_gib(above.range_bytes[1])}"
    risk = f"{most}, of the {_gib(above.left_bytes)} that the budget leaves: a later OutOfMemory is possible"
    return [risk if fit.leaves_room is None else f"{risk}; {fit.leaves_room.arguments} leaves room"]


def _served_with(suggestion: Suggestion) -> str:
    """GPUs and flags of `vllm serve`: "2 x RTX 3090 with --tensor-parallel-size 2"."""
    change = dict(suggestion.change)
    gpu, count = change.pop("gpu", None), change.pop("gpu_count", 1)
    if gpu is None:
        return suggestion.arguments
    flags = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in change.items())
    return f"{f'{count} x ' if count > 1 else ''}{gpu}{f' with {flags}' if flags else ''}"


def _title(fit: Fit) -> str:
    count = f"{fit.engine.world_size} x " if fit.engine.world_size > 1 else ""
    length = f", --max-model-len {fit.engine.max_model_len}" if fit.engine.max_model_len else ""
    return (
        f"{fit.model.id} on {count}{fit.gpu.name} ({_gib(fit.gpu.memory_bytes)}), "
        f"vLLM {fit.engine.release}{length}"
    )


def _picture(use: MemoryUse, total_bytes: int, width: int, plain: bool) -> list[str]:
    """One bar for one GPU; what does not fit extends past its end."""
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
    spare = use.kv_cache_available_bytes - use.kv_cache_needed_bytes
    rows = [(letter if plain else block, name, getattr(use, field)) for name, field, block, letter in PARTS]
    rows.append(("." if plain else "·", "spare KV cache", max(spare, 0)))
    lines = [[f"  {mark} {name:<{_LABEL}}{_gib(amount):>14}"] for mark, name, amount in rows]
    lines[-2].append(f"{_available(fit, use)} available")
    share = f"{fit.engine.gpu_memory_utilization:g} of {_gib(fit.gpu.memory_bytes)}"
    if fit.engine_args.kv_cache_memory_bytes is not None:
        share = "the parts above, with --kv-cache-memory-bytes"
    lines.append([f"    {'budget':<{_LABEL}}{_gib(use.budget_bytes):>14}", share])
    if fit.kv_cache is not None and fit.kv_cache.tokens:
        low, high = fit.kv_cache.tokens_range
        lines.append([f"    {'KV cache':<{_LABEL}}{fit.kv_cache.tokens:>10,} tok"])
        if low != high:
            lines[-1].append(f"{low:,} to {high:,}")
        if fit.first_start is not None:
            first = fit.first_start.kv_cache
            low, high = first.tokens_range
            lines.append(
                [
                    f"    {'first start':<{_LABEL}}{first.tokens:>10,} tok",
                    f"{low:,} to {high:,}, cold cache",
                ]
            )
        if fit.engine.max_model_len:
            concurrency = f"    {'concurrency':<{_LABEL}}{fit.kv_cache.max_concurrency:>10.2f}"
            lines.append([f"{concurrency}    ", f"requests of {fit.engine.max_model_len:,} tokens at once"])
        if fit.max_num_seqs_that_fits is not None:
            seqs = f"    {'max num seqs':<{_LABEL}}{fit.engine.max_num_seqs:>10,}    "
            lines.append(
                [
                    seqs,
                    f"up to {fit.max_num_seqs_that_fits:,} certain to fit"
                    if fit.max_num_seqs_that_fits
                    else "no value is certain to fit",
                ]
            )
    return _beside(lines, width)


def _available(fit: Fit, use: MemoryUse) -> str:
    """The usual amount, with its range if the ends differ."""
    usual = _gib(max(use.kv_cache_available_bytes, 0))
    low, high = (max(end, 0) / GIB for end in fit.kv_cache_available_range_bytes or (0, 0))
    return usual if low == high else f"{usual} ({low:.2f} to {high:.2f})"


def _beside(rows: list[list[str]], width: int, gap: str = "   ") -> list[str]:
    """Each remark after its row, or all of them below their rows if the terminal is too narrow."""
    lines = [gap.join(row) for row in rows]
    if max(map(len, lines)) <= width:
        return lines
    return [line for row in rows for line in (row[0].rstrip(), *(f"      {remark}" for remark in row[1:]))]


def _suggestions(fit: Fit, width: int, shows_all: bool) -> list[str]:
    from vllm_costmeter.outputs.check.changes import consequence, most_useful

    shown = fit.suggestions if shows_all else most_useful(fit)
    longest = max(len(suggestion.arguments) for suggestion in shown)
    rows = [[f"  {each.arguments:<{longest}}", consequence(each, fit.engine.world_size)] for each in shown]
    heading = _wrapped(WHAT_TO_CHANGE, max(NARROWEST, min(width, WIDEST)))
    more = len(fit.suggestions) - len(shown)
    rest = [f"  {more} more with --all-suggestions"] if more else []
    return ["", *heading, *(line.rstrip() for line in _beside(rows, width, gap="  ")), *rest]


def _wrapped(text: str, width: int) -> list[str]:
    if width >= UNLIMITED:
        return [" ".join(text.split())]
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)


def _painted(line: str, verdict: Verdict, coloured: bool) -> str:
    return f"\x1b[1;{COLOURS[verdict]}m{line}\x1b[0m" if coloured else line


def _gib(bytes_: int) -> str:
    return f"{bytes_ / GIB:.2f} GiB"
