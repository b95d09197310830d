"""Ledger rows added up by what a report asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import get_args

from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.ledger.line import Line
from vllm_costmeter.core.ledger.rows import DAY, HOUR, ShareKind, ShareRow, UsageRow
from vllm_costmeter.core.ledger.tenants import IdleDivision, tenant_lines
from vllm_costmeter.core.ledger.usage import COMPONENTS, Usage, added_up
from vllm_costmeter.core.meter.reading import STATES
from vllm_costmeter.core.meter.shares.share import Share

OF_ROWS = ("model", "gpu", "host", "day", "hour")
"""Groups that divide rows; several can be joined."""
OF_AMOUNTS = ("state", "phase", "component")
"""Groups that divide the amounts of a row; at most one, last."""
OF_SHARES: tuple[str, ...] = get_args(ShareKind)
"""Groups by who caused the active cost; at most one, last."""
GROUPS = (*OF_ROWS, *OF_AMOUNTS, *OF_SHARES)
REST = "(rest)"
"""Active cost of no adapter, and cost that is not active."""


def groups(text: str) -> tuple[str, ...]:
    """`model,day` -> ("model", "day"). BadInputError for an unknown or repeated group, or two of a kind that cannot be
    combined."""
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for name in found:
        if name not in GROUPS:
            raise BadInputError(f"--by {name!r}{nearest(name, GROUPS)}; known: {', '.join(GROUPS)}")
    if not found or len(set(found)) < len(found):
        raise BadInputError(f"--by needs each group once, got {text!r}; known: {', '.join(GROUPS)}")
    dividing = [name for name in found if name not in OF_ROWS]
    if len(dividing) > 1 or (dividing and found[-1] != dividing[0]):
        raise BadInputError(
            f"--by {text}: only one of {', '.join((*OF_AMOUNTS, *OF_SHARES))} at a time, and as the last group"
        )
    if {"day", "hour"} <= set(found):
        raise BadInputError("--by day,hour: an hour names its day; keep one of them")
    return found


def step_seconds(by: Sequence[str]) -> int | None:
    """The time step that the groups need; None for the whole time."""
    return HOUR if "hour" in by else DAY if "day" in by else None


def grouped(
    rows: Iterable[UsageRow],
    shares: Iterable[ShareRow],
    by: Sequence[str],
    division: IdleDivision = IdleDivision(),  # noqa: B008 (it cannot change)
) -> list[Line]:
    """Sums by the groups: in time order where a group is a time, otherwise dearest first. `shares` are needed for
    adapters and tenants; `division` says who of the tenants pays for idle time."""
    row_groups = [name for name in by if name in OF_ROWS]
    parts: dict[tuple[str, ...], list[Usage]] = {}
    for row in rows:
        parts.setdefault(tuple(_key(name, row) for name in row_groups), []).append(row.usage)
    usages = {key: added_up(each) for key, each in parts.items()}
    last = by[-1] if by else ""
    if last in OF_AMOUNTS:
        lines = [line for key, usage in usages.items() for line in _parts(key, last, usage)]
    elif last in OF_SHARES:
        lines = list(_by_name(usages, shares, row_groups, division if last == "tenant" else None))
    else:
        lines = [
            Line(key, usage.usd(), usage, usage.gpu_seconds, usage.joules) for key, usage in usages.items()
        ]
    times = [at for at, name in enumerate(by) if name in ("day", "hour")]
    return sorted(lines, key=lambda line: (*(line.keys[at] for at in times), -line.usd, line.keys))


def _parts(key: tuple[str, ...], group: str, usage: Usage) -> Iterator[Line]:
    if group == "component":
        for component in COMPONENTS:
            if (usd := usage.usd(component=component)) != 0:
                yield Line((*key, component), usd)
    elif group == "state":
        for state in STATES:
            seconds: float = getattr(usage, f"{state}_gpu_seconds")
            joules = usage.active_joules if state == "active" else None
            yield Line((*key, state), usage.usd(state), gpu_seconds=seconds, joules=joules)
    else:
        yield Line((*key, "prefill"), usage.prefill_usd, joules=usage.prefill_joules)
        yield Line((*key, "decode"), usage.decode_usd, joules=usage.decode_joules)
        unsplit = usage.usd("active") - usage.prefill_usd - usage.decode_usd
        if unsplit > 1e-9 * max(1.0, usage.usd()):
            yield Line((*key, "unsplit"), unsplit)
        yield Line((*key, "(not active)"), usage.usd() - usage.usd("active"))


def _by_name(
    usages: dict[tuple[str, ...], Usage],
    shares: Iterable[ShareRow],
    row_groups: Sequence[str],
    division: IdleDivision | None,
) -> Iterator[Line]:
    named: dict[tuple[str, ...], Share] = {}
    for row in shares:
        key = (*(_key(name, row) for name in row_groups), row.name)
        named[key] = named.get(key, Share()).plus(row.share)
    if division is not None:
        for key, usage in usages.items():
            own = ((of[-1], share) for of, share in named.items() if of[:-1] == key)
            yield from tenant_lines(key, usage, own, division)
        return
    for key, share in named.items():
        yield Line(key, share.usd, joules=share.joules or None, share=share)
    for key, usage in usages.items():
        attributed = sum(share.usd for of, share in named.items() if of[:-1] == key)
        yield Line((*key, REST), usage.usd() - attributed)


def _key(name: str, row: UsageRow | ShareRow) -> str:
    match name:
        case "model":
            return row.series.model_name
        case "gpu":
            return f"{row.series.gpus}x {row.series.gpu_name or 'unknown GPU'}"
        case "host":
            return row.series.host
    moment = datetime.fromtimestamp(row.start, UTC)
    return f"{moment:%Y-%m-%d}" if name == "day" else f"{moment:%Y-%m-%dT%H:00Z}"
