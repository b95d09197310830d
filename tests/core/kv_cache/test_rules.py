"""Which rules a version of vLLM follows."""

from __future__ import annotations

import pytest

from vllm_costmeter.core.kv_cache.rules import ROWS, kv_rules
from vllm_costmeter.core.release import release_of

MINORS = tuple(range(17, 34))


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


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("max_padding_ratio", {17: 1.25, 18: 1.5}),
        ("full_graph_blocks", {17: "per_captured_request", 18: "captures_fewer", 20: "per_request"}),
        ("aligns_each_rank", {17: False, 20: True}),
        ("hybrid_latent_block_tokens", {17: 64, 20: 16, 28: 128}),
        ("tokens_are_concurrency", {17: False, 21: True}),
        ("pads_unaligned_pages", {17: False, 24: True}),
        ("pools_windows", {17: False, 25: True}),
        ("counts_in_flight_batches", {17: False, 26: True}),
        ("caches_hybrid_prefixes", {17: False, 28: True}),
        ("mamba_prefix_blocks", {17: True, 28: False}),
        ("reserves_null_block", {17: False, 29: True}),
        ("packs_blocks", {17: False, 30: True}),
        ("plain_sparse_rows", {17: False, 30: True}),
        ("packs_pools", {17: False, 31: True}),
        ("wide_head_fp8_blocks", {17: False, 31: True}),
        ("aligns_packed_rows", {17: False, 31: True}),
        ("blackwell_kv_cache_dtypes", {17: frozenset(), 32: {"fp8_e4m3"}, 33: {"fp8_e4m3", "fp8"}}),
        ("aligns_window_rows", {17: False, 33: True}),
        ("delta_checkpoint_tokens", {17: 0, 33: 64}),
        (
            "prefill_checkpoints",
            {17: frozenset(), 29: {"kimi_k3"}, 32: {"kimi_k3", "mamba2", "glm5_next"}},
        ),
    ],
)
def test_a_rule_changes_in_the_release_that_changed_it_and_in_no_other(
    rule: str, changes: dict[int, object]
) -> None:
    """The minor release of each change, as its row's evidence names it; between two changes nothing moves."""
    followed = {minor: getattr(kv_rules(release_of(f"0.{minor}.0")), rule) for minor in MINORS}
    assert followed == {minor: changes[max(each for each in changes if each <= minor)] for minor in MINORS}
