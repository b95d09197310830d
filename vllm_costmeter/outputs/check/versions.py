"""One deployment under several vLLM releases: every part side by side, as text and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.outputs.check.json import to_json

SCHEMA = "costmeter.versions/1"

PARTS = (
    ("budget", "budget_bytes"),
    ("weights", "weights_bytes"),
    ("activations", "activations_bytes"),
    ("CUDA graphs", "cuda_graphs_bytes"),
    ("non-torch", "non_torch_bytes"),
    ("KV available", "kv_cache_available_bytes"),
    ("KV needed", "kv_cache_needed_bytes"),
)


def comparison_json(fits: Sequence[Fit]) -> dict[str, Any]:
    """Every answer whole, in the order asked."""
    return {"schema": SCHEMA, "versions": [to_json(fit) for fit in fits]}


def comparison_lines(fits: Sequence[Fit]) -> list[str]:
    """A column per release, the change from the first to the last behind them, and each verdict in a line."""
    first = fits[0]
    count = first.engine.world_size
    gpus = first.gpu.name if count == 1 else f"{count} x {first.gpu.name}"
    rows = [
        ["", *(fit.engine.release.text for fit in fits), "change"],
        *_bytes_rows(fits),
        *_count_rows(fits),
    ]
    rows.append(["verdict", *(fit.verdict for fit in fits), ""])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    verdicts = [f"{fit.engine.release.text}: {_sentence(fit)}" for fit in fits]
    return [f"{first.model.id} on {gpus}, GiB per GPU", "", *(line.rstrip() for line in table), "", *verdicts]


def _bytes_rows(fits: Sequence[Fit]) -> list[list[str]]:
    found = []
    rows: list[tuple[str, list[int | None]]] = [
        (name, [None if fit.per_gpu is None else getattr(fit.per_gpu, field) for fit in fits])
        for name, field in PARTS
    ]
    rows.append(
        ("above budget", [None if fit.above_budget is None else fit.above_budget.bytes for fit in fits])
    )
    for name, sizes in rows:
        amounts = [None if size is None else size / GIB for size in sizes]
        cells = ["-" if amount is None else f"{amount:.2f}" for amount in amounts]
        old, new = (None if amount is None else round(amount, 2) for amount in (amounts[0], amounts[-1]))
        found.append(
            [name, *cells, "" if old is None or new is None else f"{new - old:+.2f}".replace("+0.00", "0.00")]
        )
    return found


def _count_rows(fits: Sequence[Fit]) -> list[list[str]]:
    counts: list[tuple[str, list[int | None]]] = [
        ("KV cache tokens", [None if fit.kv_cache is None else fit.kv_cache.tokens for fit in fits]),
        ("on a first start", [_first_tokens(fit) for fit in fits]),
        ("longest that fits", [fit.max_model_len_that_fits for fit in fits]),
        ("most seqs that fit", [fit.max_num_seqs_that_fits for fit in fits]),
        ("batched tokens", [fit.engine.max_num_batched_tokens for fit in fits]),
    ]
    return [
        [
            name,
            *("-" if each is None else f"{each:,}" for each in values),
            ""
            if values[0] is None or values[-1] is None
            else f"{values[-1] - values[0]:+,}".replace("+0", "0"),
        ]
        for name, values in counts
    ]


def _first_tokens(fit: Fit) -> int | None:
    if fit.first_start is not None:
        return fit.first_start.kv_cache.tokens
    return None if fit.kv_cache is None else fit.kv_cache.tokens


def _sentence(fit: Fit) -> str:
    return fit.message if fit.verdict == "fits" else f"{fit.verdict}: {fit.message}"
