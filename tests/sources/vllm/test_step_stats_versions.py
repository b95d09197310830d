"""Our reader over what the statistics classes of every vLLM from 0.17 to 0.33 really hold.

`tests/data/vllm_stats/README.md` says how they were recorded.
"""

from __future__ import annotations

import json

import pytest
from vllm_stats_traffic import RECORDED, counted, steps_on_record

VERSIONS = [f"0.{minor}" for minor in range(17, 34)]
EXPECTED = json.loads((RECORDED / "expected.json").read_text())


@pytest.mark.parametrize("version", VERSIONS)
def test_every_minor_counts_the_same_traffic_the_same(version: str) -> None:
    """Tokens by kind, steps, finished requests and active seconds do not depend on the version."""
    assert counted(steps_on_record(version)) == EXPECTED


def test_the_recordings_are_of_different_shapes() -> None:
    """They come from those versions: fields that a version introduced are absent before and present from then on."""
    introduced = {"recomputed_tokens": ("0.17", "0.19"), "num_cached_tokens": ("0.17", "0.33")}
    introduced |= {"request_id": ("0.20", "0.33"), "iteration_details": ("0.26", "0.33")}
    introduced |= {"ec_connector_stats": ("0.31", "0.33"), "num_kv_fetch_reqs_by_stage": ("0.32", "0.33")}
    for name, (first, last) in introduced.items():
        having = [
            version for version in VERSIONS if f'"{name}"' in (RECORDED / f"{version}.json").read_text()
        ]
        assert (having[0], having[-1]) == (first, last)
