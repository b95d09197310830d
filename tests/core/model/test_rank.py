"""How layers are dealt out to pipeline ranks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.model.rank import pipeline_spans


@pytest.mark.parametrize(
    ("layers", "ranks", "sizes"),
    [
        (32, 2, (16, 16)),
        (61, 2, (31, 30)),
        (7, 3, (2, 3, 2)),
        (61, 4, (15, 15, 16, 15)),
        (63, 4, (16, 16, 16, 15)),
        (5, 8, (0, 0, 1, 1, 1, 1, 1, 0)),
    ],
)
def test_layers_left_over_go_to_the_ranks_before_the_last(
    layers: int, ranks: int, sizes: tuple[int, ...]
) -> None:
    """vLLM's get_pp_indices: the last rank, and with few left the first, get none of the rest."""
    assert tuple(end - start for start, end in pipeline_spans(layers, ranks)) == sizes


@given(st.integers(0, 200), st.integers(1, 16))
def test_pipeline_ranks_share_all_layers_in_order(layers: int, ranks: int) -> None:
    """Spans touch, cover every layer and differ by one at most."""
    spans = pipeline_spans(layers, ranks)
    assert [start for start, _ in spans] == [0] + [end for _, end in spans[:-1]]
    assert spans[-1][1] == layers
    lengths = [end - start for start, end in spans]
    assert max(lengths) - min(lengths) <= 1
