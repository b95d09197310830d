"""Token counts as our meter and as vLLM itself publish them, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import client
from patience import holds_within

from scripts.servers.scrape import scrape


@dataclass(frozen=True)
class Counts:
    """Totals since a server started."""

    computed: int
    cached: int
    generated: int

    def since(self, earlier: Counts) -> Counts:
        """What was added after `earlier`."""
        return Counts(
            self.computed - earlier.computed, self.cached - earlier.cached, self.generated - earlier.generated
        )


def counts(url: str) -> tuple[Counts, Counts]:
    """(ours, vLLM's own), from one and the same page."""
    page = scrape(url)
    ours = Counts(
        computed=int(page.total("costmeter_tokens_total", kind="prompt_computed")),
        cached=int(page.total("costmeter_tokens_total", kind="prompt_cached")),
        generated=int(page.total("costmeter_tokens_total", kind="generated")),
    )
    prompt, cached = page.total("vllm:prompt_tokens_total"), page.total("vllm:prompt_tokens_cached_total")
    return ours, Counts(int(prompt - cached), int(cached), int(page.total("vllm:generation_tokens_total")))


def count_exactly(url: str) -> None:
    """Many connections, spread over the API servers, add up to the clients' usage and to vLLM's counters."""
    before, _ = counts(url)
    usages = client.load(url, requests=80, at_once=16)
    generated = sum(usage["completion_tokens"] for usage in usages)
    assert holds_within(lambda: counts(url)[0].since(before).generated == generated)
    ours, theirs = counts(url)
    assert ours == theirs
