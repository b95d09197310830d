"""The packaged table of flags: small, readable by the package, and what it says of flags that come and go."""

from __future__ import annotations

import pytest

from vllm_costmeter.sources.vllm_cli.flag_table import FILE, flag_from, flag_table
from vllm_costmeter.sources.vllm_cli.old_flags import OLD_FLAGS, OLD_SWITCHES
from vllm_costmeter.sources.vllm_cli.other_releases import brought_by, dropped_by
from vllm_costmeter.sources.vllm_cli.values import READERS

MOST_BYTES = 150_000


def test_the_table_is_small() -> None:
    """It ships in the package and is loaded by each check."""
    assert FILE.stat().st_size < MOST_BYTES


def test_every_minor_release_is_there() -> None:
    """0.17 to 0.33, and 0.16 to tell what 0.17 dropped."""
    minors = {int(release.split(".")[1]) for release in flag_table().releases}
    assert set(range(16, 34)) <= minors


@pytest.mark.parametrize("release", flag_table().releases)
def test_every_flag_of_a_release_can_be_read(release: str) -> None:
    """Each kind of value has a reader, each configuration class a shape, and no name stands for two flags."""
    major, minor, patch = (int(part) for part in release.split("."))
    flags = flag_table().at((major, minor, patch))
    assert flags.release == release
    names = [name for flag in flags.by_dest.values() for name in flag.names]
    assert len(names) == len(set(names)) == len(flags.by_name)
    for flag in flags.by_dest.values():
        kind = flag.kind.removesuffix("?")
        if kind.startswith("config:"):
            assert flags.shape(kind.partition(":")[2])["of"], flag
        else:
            assert kind in READERS, flag


@pytest.mark.parametrize(
    ("name", "release", "dropped", "brought"),
    [
        ("--swap-space", (0, 19, 0), ("0.17.1", "0.18.0"), None),
        ("--calculate-kv-scales", (0, 33, 0), ("0.27.1", "0.28.0"), None),
        ("--spec-method", (0, 19, 0), None, "0.22.0"),
        ("--device-memory-utilization", (0, 30, 0), None, "0.31.0"),
        ("--disable-prefix-caching", (0, 32, 0), None, "0.33.0"),
        ("--none-such", (0, 33, 0), None, None),
    ],
)
def test_a_flag_that_is_not_there_came_later_or_went_before(
    name: str, release: tuple[int, int, int], dropped: tuple[str, str] | None, brought: str | None
) -> None:
    flags = flag_table().at(release)
    assert name not in flags.by_name
    assert (dropped_by(flags, name), brought_by(flags, name)) == (dropped, brought)


def test_flags_from_before_the_table_are_in_none_of_its_releases() -> None:
    names = {name for _, record in flag_table().records for name in flag_from(record).names}
    assert not OLD_FLAGS.keys() & names
    assert OLD_FLAGS.keys() >= OLD_SWITCHES
