"""The simulated hour of three servers that the dashboards are drawn on."""

from __future__ import annotations

import re

from scripts.panels.queries import dashboards, queries
from scripts.panels.replica import FLEET
from scripts.panels.simulated_fleet import openmetrics


def test_it_has_every_metric_of_ours_that_a_panel_asks_for() -> None:
    """A panel that shows nothing on the pictures shows nothing because its server has nothing, not the simulation."""
    published = {line.split("{")[0] for line in openmetrics(0, FLEET[:2])}
    asked = {
        name
        for dashboard in dashboards()
        for query in queries(dashboard)
        for name in re.findall(r"\bcostmeter_\w+", query.expression)
    }
    assert asked - published <= {"costmeter_api_equivalent_usd_total"}, "of servers that name an API provider"


def test_its_lines_are_what_prometheus_would_have_stored() -> None:
    """OpenMetrics with a moment on every line, and its end."""
    *samples, end = openmetrics(1_000_000, FLEET[:1])
    assert end == "# EOF"
    moments = {int(line.rsplit(" ", 1)[1]) for line in samples}
    assert (min(moments), max(moments)) == (1_000_000, 1_003_600)
