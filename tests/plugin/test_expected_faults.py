"""Which places of an error are on the page before the first error."""

from __future__ import annotations

import re
from pathlib import Path

import vllm_costmeter
from vllm_costmeter.plugin.faults import FAULTS

PLUGIN = Path(vllm_costmeter.__file__).parent / "plugin"


def test_every_place_of_the_plugin_begins_at_0() -> None:
    """increase() finds an error only in a counter that was there before it. (Those of budgets and of requests' costs
    are there where these are.)"""
    sources = [path.read_text() for path in PLUGIN.rglob("*.py")]
    added = {place for text in sources for place in re.findall(r'FAULTS\.add\("(\w+)"\)', text)}
    later = {place for text in sources for place in re.findall(r'FAULTS\.expect\(\("(\w+)",\)\)', text)}
    assert added - later <= FAULTS.counts().keys()
    assert {"start", "endpoint", "hook", "engine", "scrape"} <= FAULTS.counts().keys()
