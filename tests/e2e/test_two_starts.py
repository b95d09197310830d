"""Two starts with the same flags, one after the other: what the first leaves for the second in files."""

from __future__ import annotations

import json
from dataclasses import dataclass

import client
import pytest
from counts import Counts, counts
from harness import METERED, Serve
from patience import holds_within

from scripts.servers.scrape import Scrape, scrape
from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy

PROMPT = "tell me of the sea and of ships " * 12
SAYS_SO = "memory outside the KV cache is as measured in a start with these flags"


@dataclass(frozen=True)
class Life:
    """What one of the servers said after its request."""

    ours: Counts
    theirs: Counts
    page: Scrape
    log: str

    def kv_cache_bytes(self, value: str) -> float | None:
        """As "predicted" by the check or as it "actual"ly became."""
        return self.page.value("costmeter_preflight_bytes", part="kv_cache", value=value)


@pytest.fixture(scope="module")
def lives(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> tuple[Life, Life]:
    """Disaggregated prefill: the first server computes a prompt's KV cache and leaves it, the second one generates."""
    transfer = {
        "kv_connector": "ExampleConnector",  # through files; it serves on any platform
        "kv_role": "kv_both",
        "kv_connector_extra_config": {"shared_storage_path": str(tmp_path_factory.mktemp("kv"))},
    }
    flags = (*METERED, "--costmeter-gpu", "RTX 4090")
    flags += ("--no-enable-prefix-caching", "--kv-transfer-config", json.dumps(transfer))
    memory = {"XDG_STATE_HOME": str(tmp_path_factory.mktemp("state"))}
    found = []
    for tokens in (1, 40):
        with serve(*flags, env=memory) as server:
            client.complete(server.url, PROMPT, max_tokens=tokens, ignore_eos=True)
            assert holds_within(lambda tokens=tokens, server=server: has_told(server, tokens))
            found.append(Life(*counts(server.url), scrape(server.url), server.log_text()))
    first, second = found
    return first, second


def has_told(server: Server, tokens: int) -> bool:
    """Whether the request and the start's own figures are on the page."""
    page = scrape(server.url)
    return counts(server.url)[0].generated == tokens and all(
        page.has("costmeter_preflight_bytes", part="kv_cache", value=value)
        for value in ("predicted", "actual")
    )


def test_kv_of_another_server_is_cached_not_computed(lives: tuple[Life, Life]) -> None:
    """What the first server computed is `prompt_cached` in the second, as vLLM counts it, saved there, and the rest is
    computed."""
    first, second = lives
    assert (first.ours.computed, first.ours.cached) == (len(PROMPT), 0)
    assert second.ours == second.theirs
    assert second.ours.cached > 0
    assert second.ours.computed + second.ours.cached == len(PROMPT)
    transferred = second.page.total("vllm:prompt_tokens_by_source_total", source="external_kv_transfer")
    assert transferred == second.ours.cached
    assert second.page.total("costmeter_cached_savings_usd_total") > 0


def test_the_second_start_uses_what_the_first_one_measured(lives: tuple[Life, Life]) -> None:
    """The first start knows only the rules; the second one predicts the very KV cache that the first one got, and
    says where it has that from."""
    first, second = lives
    assert SAYS_SO not in first.log
    assert SAYS_SO in second.log
    assert second.kv_cache_bytes("predicted") == first.kv_cache_bytes("actual")
    assert first.kv_cache_bytes("predicted") != first.kv_cache_bytes("actual")
