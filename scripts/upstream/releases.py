"""The releases that contain each stop: the union over many, and the changes from one to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from scripts.upstream.start_path import start_stops
from scripts.upstream.stops import Stop


class Key(NamedTuple):
    """Identifies a stop across releases; its line and condition may differ."""

    module: str
    function: str
    kind: str
    exception: str
    message: str


@dataclass(frozen=True, slots=True)
class Span:
    """The first and last release with a stop (perhaps with gaps), and its condition in the last."""

    first: str
    last: str
    condition: str


def key_of(stop: Stop) -> Key:
    return Key(stop.module, stop.function, stop.kind, stop.exception, stop.message)


def releases_in(folder: Path) -> list[str]:
    """The releases unpacked below `folder` as VERSION/vllm, oldest first."""
    found = [path.name for path in folder.iterdir() if (path / "vllm" / "config").is_dir()]
    return sorted((name for name in found if name.replace(".", "").isdigit()), key=version)


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def collect(folder: Path, releases: Sequence[str]) -> dict[Key, Span]:
    """Every stop in these releases; `releases` are ordered oldest first."""
    spans: dict[Key, Span] = {}
    for release in releases:
        for stop in start_stops(folder / release / "vllm"):
            key = key_of(stop)
            first = spans[key].first if key in spans else release
            spans[key] = Span(first, release, stop.condition)
    return spans


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes between two releases, by message and condition."""

    added: tuple[Stop, ...]
    removed: tuple[Stop, ...]
    moved: tuple[tuple[Stop, Stop], ...]
    """The same message in another module or function."""
    tightened: tuple[tuple[Stop, Stop], ...]
    """The same stop under another condition, stricter or not."""


def compare(old: Iterable[Stop], new: Iterable[Stop]) -> Changes:
    before, after = _by_key(old), _by_key(new)
    gone = [stop for key, stop in before.items() if key not in after]
    come = [stop for key, stop in after.items() if key not in before]
    moved, added = [], []
    homeless: dict[tuple[str, str], Stop] = {
        (stop.exception, stop.message): stop for stop in gone if stop.message
    }
    for stop in come:
        origin = homeless.pop((stop.exception, stop.message), None)
        if origin is None:
            added.append(stop)
        else:
            moved.append((origin, stop))
    left = {origin for origin, _ in moved}
    both = [(before[key], stop) for key, stop in after.items() if key in before]
    return Changes(
        added=tuple(added),
        removed=tuple(stop for stop in gone if stop not in left),
        moved=tuple(moved),
        tightened=tuple((one, other) for one, other in both if one.condition != other.condition),
    )


def _by_key(stops: Iterable[Stop]) -> Mapping[Key, Stop]:
    return {key_of(stop): stop for stop in stops}
