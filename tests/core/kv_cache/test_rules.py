"""Which rules a version of vLLM follows."""

from __future__ import annotations

from vllm_costmeter.core.kv_cache.rules import ROWS, kv_rules
from vllm_costmeter.core.release import release_of


def test_a_version_follows_the_newest_row_not_after_it() -> None:
    """Patch and build suffixes do not matter; newer than known takes the newest row, older the oldest."""
    assert kv_rules(release_of("0.28.0")).first_version == (0, 28)
    assert kv_rules(release_of("0.20.2+cu129")).first_version == (0, 20)
    assert kv_rules(release_of("0.99.0")) is ROWS[0]
    assert kv_rules(release_of("0.9.2")) is ROWS[-1]


def test_rows_are_ordered_and_each_names_its_evidence() -> None:
    """Newest first, no version twice, no row without a source."""
    versions = [row.first_version for row in ROWS]
    assert versions == sorted(set(versions), reverse=True)
    assert all(row.evidence for row in ROWS)


def test_hybrid_blocks_are_aligned_on_each_rank_from_0_20_on() -> None:
    """_align_hybrid_block_size asks the backend of the rank's own layers; 0.19.1 aligned before there were ranks."""
    assert [kv_rules(release_of(version)).aligns_each_rank for version in ("0.19.1", "0.20.0", "0.33.0")] == [
        False,
        True,
        True,
    ]
