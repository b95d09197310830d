"""What one server's page says, as far as it says it: None where it does not."""

from __future__ import annotations

from typing import Literal

from vllm_costmeter.core.dataclass import dataclass

SECONDS_PER_HOUR, MILLION = 3600, 1_000_000
State = Literal["active", "idle", "asleep"]


@dataclass(frozen=True, slots=True)
class ServerReading:
    """One page. Rate and price per token are of the window asked for, everything else of now or since the start."""

    model_names: tuple[str, ...] = ()
    engines: int | None = None
    """Data-parallel replicas behind the address."""
    active_engines: int | None = None
    """Those that run a request."""
    asleep: bool = False
    tokens_since_start: float | None = None
    tokens_per_second: float | None = None
    priced_tokens_per_second: float | None = None
    """Of those servers behind an exporter that have a price; None at any other address."""
    usd_per_hour: float | None = None
    usd_per_million: float | None = None
    kv_cache_usage_ratio: float | None = None
    total_usd: float | None = None
    idle_usd: float | None = None
    joules: float | None = None
    """Energy of the server's GPUs since the meter started."""

    @property
    def state(self) -> State | None:
        """Of the server: active if any replica runs a request."""
        if self.asleep:
            return "asleep"
        if self.active_engines is None:
            return None
        return "active" if self.active_engines else "idle"

    @property
    def charged_tokens_per_second(self) -> float | None:
        """Those that `usd_per_million` is of."""
        priced = self.priced_tokens_per_second
        return self.tokens_per_second if priced is None else priced

    @property
    def idle_share(self) -> float | None:
        """Idle cost as a share of the bill since the start."""
        return ratio(self.idle_usd, self.total_usd)

    @property
    def joules_per_token(self) -> float | None:
        """Energy since the start, idle time included, over the tokens since then."""
        return ratio(self.joules, self.tokens_since_start)


@dataclass(frozen=True, slots=True)
class ServerRow:
    """A server as last seen: its reading, or why there is none."""

    server: str
    reading: ServerReading | None
    fault: str | None
    recent: tuple[float, ...] = ()
    """Tokens per second of the last readings, oldest first."""

    @property
    def state(self) -> str:
        """In a word: that of the reading, `down`, `waiting` before the first answer, `up` where the page has none."""
        if self.reading is None:
            return "waiting" if self.fault is None else "down"
        return self.reading.state or "up"


def usd_per_million(usd_per_hour: float | None, tokens_per_second: float | None) -> float | None:
    """What an hour costs over the tokens of an hour; None where there are none."""
    hourly = ratio(usd_per_hour, tokens_per_second)
    return None if hourly is None else hourly / SECONDS_PER_HOUR * MILLION


def ratio(part: float | None, whole: float | None) -> float | None:
    """None unless both are known and the whole is above zero."""
    return None if part is None or whole is None or whole <= 0 else part / whole
