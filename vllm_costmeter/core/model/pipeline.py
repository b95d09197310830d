"""How vLLM deals a model's layers out to pipeline ranks."""

from __future__ import annotations


def pipeline_spans(num_layers: int, num_ranks: int) -> tuple[tuple[int, int], ...]:
    """First and last-plus-one layer of each rank: equal shares, what is left over goes to the ranks before the last,
    which holds the head (`get_pp_indices`, vLLM 0.17 to 0.33)."""
    share, left = divmod(num_layers, num_ranks)
    spans, end = [], 0
    for rank in range(num_ranks):
        start = end
        end += share + (num_ranks - 1 - left <= rank < num_ranks - 1)
        spans.append((start, end))
    return tuple(spans)
