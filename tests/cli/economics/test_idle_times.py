"""Which of several known times counts."""

from __future__ import annotations

import pytest

from vllm_costmeter.cli.economics.idle_times import NOTHING_MEASURED, MeasuredTimes, return_times
from vllm_costmeter.core.meter.operations import START, Durations, Operation

ALL = MeasuredTimes(
    {
        "m": {
            START: Durations(2, 180.0),
            Operation("wake", 1): Durations(1, 2.5),
            Operation("wake", 2): Durations(4, 40.0),
        }
    },
    {"m": 80.0, "n": 70.0},
    0.9,
)


@pytest.mark.parametrize(
    ("model", "stated", "expected", "says"),
    [
        ("m", (1.0, 0.0, 3.0), (1.0, 0.0, 3.0), ("as --start-seconds says", "0 s, as --wake-seconds", "3 s, as")),
        ("m", (None, None, None), (90.0, 2.5, 10.0), ("90 s, the mean of 2", "2.5 s, measured by the plugin", "of 4")),
        ("n", (None, None, None), (70.0, 0.9, None), ("process_start_time", "vLLM's own", "not measured")),
        ("o", (None, None, 7.0), (None, 0.9, 7.0), ("state it with --start-seconds", "vLLM's own", "7 s, as")),
    ],
)  # fmt: skip
def test_stated_then_measured_by_the_plugin_then_by_others(
    model: str,
    stated: tuple[float | None, float | None, float | None],
    expected: tuple[float | None, float | None, float | None],
    says: tuple[str, str, str],
) -> None:
    """Of each model by itself; 0 is stated too. The answer names which it was."""
    found = return_times(model, stated, ALL)
    assert found[:3] == expected
    for how, words in zip(found.known_from.values(), says, strict=True):
        assert words in how


def test_nothing_known_is_said() -> None:
    """With the flag that states each."""
    found = return_times("m", (None, None, None), NOTHING_MEASURED)
    assert found[:3] == (None, None, None)
    assert [how.rsplit(" ", 1)[1] for how in found.known_from.values()] == [
        "--start-seconds",
        "--wake-seconds",
        "--wake-seconds-level-2",
    ]
