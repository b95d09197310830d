"""A CSV file of minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from vllm_costmeter.core.economics.idle.timeline import Step
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.idle_samples.read import read_samples

HEADER = "start,active_seconds,requests,usd"
FAULTS = {
    "an empty file": ("", "has no column start, active_seconds, requests, usd"),
    "no rows": (f"{HEADER}\n", "has no rows"),
    "a column is missing": ("start,usd\n0,1\n", "has no column active_seconds, requests"),
    "a time that is none": (f"{HEADER}\nsoon,1,1,1\n", "line 2: start must be a time"),
    "a time without end": (f"{HEADER}\ninf,1,1,1\n", "line 2: start must be a time"),
    "too many seconds": (f"{HEADER}\n0,61,1,1\n", "line 2: active_seconds is 61, and a minute has 60"),
    "a negative amount": (f"{HEADER}\n0,1,1,-1\n", "line 2: must be a number of at least 0"),
    "a minute twice": (f"{HEADER}\n0,1,1,1\n30,1,1,1\n", "line 3: that server has this minute twice"),
}


def test_minutes_by_model_and_server(tmp_path: Path) -> None:
    """Times as ISO 8601 or Unix seconds; what is optional may be missing."""
    file = tmp_path / "week.csv"
    file.write_text(
        f"{HEADER},model,server,gpus\n2026-11-21T12:00Z,5,1,0.5,m,a,2\n1795262460,0,0,0.5,m,a,2\n"
    )
    (found,) = read_samples(str(file))
    assert (found.model_name, found.name, found.gpus) == ("m", "a", 2)
    assert found.steps == {1795262400: Step(5, 1, 0.5, 0), 1795262460: Step(0, 0, 0.5, 0)}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_files_are_said_with_the_line(fault: str, tmp_path: Path) -> None:
    """What is wrong, and where."""
    text, says = FAULTS[fault]
    file = tmp_path / "week.csv"
    file.write_text(text)
    with pytest.raises(BadInputError, match=says):
        read_samples(str(file))
