"""A server's own start teaches the next check of the same deployment, on a real vLLM."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import METERED, Serve
from patience import holds_within
from scrape import scrape

pytestmark = pytest.mark.heavy

CHECKED = (*METERED, "--costmeter-gpu", "RTX 4090")
SAYS_SO = "memory beside the KV cache as measured in a start with these flags"


def test_the_second_start_uses_what_the_first_one_measured(serve: Serve, tmp_path: Path) -> None:
    """The first start knows only the rules; the second one predicts the very KV cache that the first one got, and
    says where it has that from."""
    memory = {"XDG_STATE_HOME": str(tmp_path)}
    with serve(*CHECKED, env=memory) as first:
        assert holds_within(
            lambda: scrape(first.url).has("costmeter_preflight_bytes", part="kv_cache", value="actual")
        )
        got = scrape(first.url).value("costmeter_preflight_bytes", part="kv_cache", value="actual")
        assert SAYS_SO not in first.log_text()
    with serve(*CHECKED, env=memory) as second:
        assert holds_within(
            lambda: scrape(second.url).has("costmeter_preflight_bytes", part="kv_cache", value="predicted")
        )
        assert SAYS_SO in second.log_text()
        assert (
            scrape(second.url).value("costmeter_preflight_bytes", part="kv_cache", value="predicted") == got
        )
