"""The bill divided among tenants, idle cost included by a stated rule."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.ledger.line import Line
from vllm_costmeter.core.ledger.usage import Usage
from vllm_costmeter.core.meter.shares.share import NO_SHARE, Share
from vllm_costmeter.core.tenants.names import typed

IdleRule = Literal["apart", "by-use", "by-reservation"]
IDLE_RULES: tuple[IdleRule, ...] = get_args(IdleRule)
UNATTRIBUTED, IDLE, ASLEEP, UNRESERVED = "(unattributed)", "(idle)", "(asleep)", "(not reserved)"
"""Lines of no tenant: requests that have not ended, and time in which tenants were not told apart; time in which no
request ran; time in sleep mode; the part of both that nobody has reserved."""
RULE_NOTES: Mapping[IdleRule, str] = {
    "apart": "Idle and asleep cost is kept apart (`costmeter report --idle` divides it).",
    "by-use": "Idle and asleep cost is divided by use: in proportion to what each tenant's requests cost.",
    "by-reservation": "Idle and asleep cost is divided by reservation: each tenant pays the part of it that it has "
    "reserved, used or not.",
}


class IdleDivision(NamedTuple):
    """Who pays for idle and asleep time."""

    rule: IdleRule = "apart"
    reservations: Mapping[str, float] = {}
    """The part of the server that each tenant has reserved, 0 to 1; together at most 1."""


def idle_division(rule: str | None, reserved: Sequence[str], given_as: str = "--idle") -> IdleDivision:
    """From `by-use` or `by-reservation` and `NAME=0.5` texts. Raises BadInputError."""
    chosen = rule or ("by-reservation" if reserved else "apart")
    if chosen not in IDLE_RULES:
        raise BadInputError(
            f"{given_as} {chosen!r}{nearest(chosen, IDLE_RULES)}; known: {', '.join(IDLE_RULES)}"
        )
    if (chosen == "by-reservation") != bool(reserved):
        raise BadInputError("--idle by-reservation and --reserved TENANT=FRACTION belong together; give both")
    reservations: dict[str, float] = {}
    for text in reserved:
        name, _, fraction = text.rpartition("=")
        tenant, part = typed(name), _fraction(fraction)
        if not tenant or part is None:
            raise BadInputError(f"--reserved {text!r}: write TENANT=FRACTION, such as team-a=0.25")
        if tenant in reservations:
            raise BadInputError(f"--reserved names {tenant} twice; keep one")
        reservations[tenant] = part
    if (total := sum(reservations.values())) > 1 + 1e-9:
        raise BadInputError(
            f"--reserved: {total:g} of the server is reserved; the fractions are at most 1 together"
        )
    return IdleDivision(next(each for each in IDLE_RULES if each == chosen), reservations)


def unseen_reservations(division: IdleDivision, seen: Collection[str]) -> list[str]:
    """Tenants with a reservation of whom no ledger has a request, at any time.

    BadInputError for one whose name is like that of a seen tenant without a reservation: it is misspelt.
    """
    unseen = [name for name in division.reservations if name not in seen]
    others = [name for name in seen if name not in division.reservations]
    for name in unseen:
        if near := nearest(name, others, cutoff=0.7):
            raise BadInputError(f"--reserved {name}: no ledger has a request of this tenant{near}")
    return unseen


def _fraction(text: str) -> float | None:
    percent = text.strip().endswith("%")
    try:
        value = float(text.strip().removesuffix("%")) / (100 if percent else 1)
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 < value <= 1 else None


def tenant_lines(
    key: tuple[str, ...], usage: Usage, shares: Iterable[tuple[str, Share]], division: IdleDivision
) -> Iterator[Line]:
    """The lines of one group: tenants, and what is no tenant's. They add up to its bill."""
    tenants = dict(shares)
    idle, asleep = usage.usd("idle"), usage.usd("asleep")
    parts = _parts(tenants, division)
    for name in dict.fromkeys((*tenants, *parts)):
        share, part = tenants.get(name, NO_SHARE), parts.get(name, 0.0)
        idle_usd = part * (idle + asleep)
        yield Line(
            (*key, name), share.usd + idle_usd, joules=share.joules or None, share=share, idle_usd=idle_usd
        )
    unattributed = usage.usd("active") - sum(share.usd for share in tenants.values())
    left = 1.0 - math.fsum(parts.values())
    if abs(unattributed) > 1e-12 * max(1.0, usage.usd()):
        yield Line((*key, UNATTRIBUTED), unattributed)
    if division.rule == "by-reservation":
        if left > 1e-9 and idle + asleep:
            yield Line((*key, UNRESERVED), left * (idle + asleep))
        return
    for name, usd in ((IDLE, idle), (ASLEEP, asleep)):
        if usd and left > 1e-9:
            yield Line((*key, name), left * usd)


def _parts(tenants: Mapping[str, Share], division: IdleDivision) -> dict[str, float]:
    """The part of idle cost by tenant; nothing by use where nothing was used."""
    if division.rule == "by-reservation":
        return dict(division.reservations)
    used = sum(share.usd for share in tenants.values())
    if division.rule == "apart" or used <= 0:
        return {}
    return {name: share.usd / used for name, share in tenants.items()}
