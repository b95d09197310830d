"""One engine's own metrics: which of them count tokens, requests and time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, Protocol

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.meter.outcome import Outcome


class Samples(Protocol):
    """The samples of one /metrics page."""

    def total(self, name: str, **labels: str) -> float | None:
        """The sum of the samples with that name and these labels; None if there are none."""

    def label_values(self, name: str, label: str) -> Iterable[str]:
        """The values of a label of that metric, without repetition."""


def _unknown(samples: Samples, of: Mapping[str, str]) -> None:
    """Not published."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What an engine's metrics are called, and what they mean."""

    key: str
    title: str
    prefix: str
    """What its metrics' names begin with."""
    prompt: str
    """Counter of prompt tokens."""
    generated: str
    running: str
    """Gauge of running requests."""
    cached: str | None = None
    """Counter of prompt tokens taken from a cache; None if no release publishes one."""
    prompt_includes_cached: bool = True
    absent_cached_is_none: bool = True
    """Every release counts cached tokens, and the counter appears with the first: until then there were none. False:
    its absence says nothing."""
    counts_when: Literal["live", "request end"] = "live"
    """When tokens are counted: in the step that made them, or all of a request when it ends."""
    waiting: str | None = None
    kv_usage: str | None = None
    """Gauge, 0 to 1."""
    model_label: str | None = None
    engine_label: str | None = None
    """The label that tells data-parallel engines of one server apart, each with its own GPUs."""
    outcomes: Mapping[Outcome, tuple[str, str | None, tuple[str, ...]]] = field(default_factory=dict)
    """Requests that ended: the counter, its label and that label's values."""
    kv_capacity_tokens: Callable[[Samples, Mapping[str, str]], float | None] = _unknown
    """Of the engine with these labels."""
    also_read: tuple[str, ...] = ()
    """What the function above reads."""
    awake: tuple[str, str, str] | None = None
    """A gauge that is 0 while the engine sleeps, with a label and its value."""
    model_at: str = ""
    """The route that names the model, where the page does not."""
    sleep_at: str = ""
    """The route that tells whether the server sleeps, and does not wake it."""
    rank_labels: tuple[str, ...] = ()
    """Labels of `running` that tell ranks of one engine apart; they work together."""
    significant_digits: int | None = None
    """Of its counters as printed; None: all."""
    without_tokens: str = ""
    """Why its page may have no tokens, and what to do."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every metric that is read."""
        awake = None if self.awake is None else self.awake[0]
        optional = (self.cached, self.waiting, self.kv_usage, awake)
        found = [self.prompt, self.generated, self.running, *filter(None, optional), *self.also_read]
        return tuple(dict.fromkeys((*found, *(name for name, _, _ in self.outcomes.values()))))


PROCESS_START = "process_start_time_seconds"
"""Of every engine whose Python process exports it: another value is another process."""
