"""The activation rule's error on models that it never saw."""

from __future__ import annotations

from itertools import repeat

import pytest

from scripts.accuracy.held_out import COPIES, Boot, fitted, held_out


def test_a_fit_finds_the_copies_and_the_constant_behind_the_logs() -> None:
    """Logs made with three copies and 0.05 GiB beside give these back, whatever one odd boot says."""
    sizes = [0.5, 1.0, 1.5, 2.0, 2.5]
    boots = [
        Boot(
            "made", 3 * size + 0.05, 0.0, dict(zip(COPIES, (copies * size for copies in COPIES), strict=True))
        )
        for size in sizes
    ]
    odd = Boot("odd", 9.0, 0.0, dict(zip(COPIES, repeat(1.0), strict=False)))
    copies, constant = fitted([*boots, odd])
    assert (copies, constant) == (3.0, pytest.approx(0.05))


def test_every_model_is_predicted_without_its_own_boots() -> None:
    """34 boots of 14 models ran the sampler; whichever is left out, the rest tell of the same three copies."""
    rows = list(held_out())
    assert (len(rows), sum(row.boots for row in rows)) == (14, 34)
    assert {row.copies for row in rows} == {3.0}
    assert max(abs(error) for row in rows for error in row.errors_gib) < 0.15
