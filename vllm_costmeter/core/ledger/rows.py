"""Rows of the ledger: whose they are and when."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, NamedTuple

from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.core.meter.operations import Durations, Operations
from vllm_costmeter.core.meter.shares.share import Share

MINUTE, HOUR, DAY = 60, 3600, 86_400
"""Lengths of a row in seconds. A row starts at a multiple of its length in Unix time, so days are UTC days."""

ShareKind = Literal["adapter", "tenant"]


class Series(NamedTuple):
    """What does not change while a server runs."""

    model_name: str
    gpu_name: str
    """As the driver or the operator names it; empty if unknown."""
    gpus: int
    basis: str
    """rental or owned; empty without a price."""
    price_source: str
    price_as_of: str
    usd_per_hour: float
    """Of all its GPUs, without measured electricity; 0 without a price."""
    host: str
    version: str
    """Of vllm-costmeter."""
    vllm_version: str
    gpu_share: float = 1.0
    """The part of each GPU that is charged to this server; 1 before schema 2."""


Shares = dict[tuple[ShareKind, str], Share]


class Interval(NamedTuple):
    """What a server spent in one minute."""

    usage: Usage
    shares: Shares
    operations: Operations = MappingProxyType({})
    """Starts, sleeps and wake-ups that ended in it."""

    def plus(self, other: Interval) -> Interval:
        """Both together."""
        shares = dict(self.shares)
        for key, share in other.shares.items():
            shares[key] = shares.get(key, Share()).plus(share)
        operations = dict(self.operations)
        for operation, durations in other.operations.items():
            operations[operation] = operations.get(operation, Durations()).plus(durations)
        return Interval(self.usage + other.usage, shares, operations)


NO_INTERVAL = Interval(Usage(), {})


class UsageRow(NamedTuple):
    """The sum of rows of one series in a time step."""

    start: int
    """Unix time, a multiple of the step."""
    series: Series
    usage: Usage


class ShareRow(NamedTuple):
    """The same for the part of one adapter or tenant."""

    start: int
    series: Series
    name: str
    share: Share


class Extent(NamedTuple):
    """What a ledger covers, in Unix seconds."""

    first: int
    last: int
    longest_row_seconds: int
    """Old rows are joined: a bound within one is moved to its start."""
