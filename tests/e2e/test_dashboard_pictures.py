"""The dashboards as Grafana draws them, by its own components in a real Chromium on a real Prometheus."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import ROOT
from required_browser import required_browser
from required_tool import required_tool

from scripts.panels.replica import SCRAPE_SECONDS, SECONDS
from scripts.panels.simulated_fleet import openmetrics
from scripts.pictures.__main__ import SIMULATED, WARM_UP
from scripts.pictures.chromium import HERE as PACKAGES
from scripts.pictures.chromium import Range, Shot, draw
from scripts.pictures.prometheus import holding

pytestmark = pytest.mark.heavy

DASHBOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))


def test_every_panel_is_drawn_without_a_complaint(tmp_path: Path) -> None:
    """No query that Prometheus refuses, no kind of panel, option or transformation that Grafana does not know, no error
    on the page's console; on a wide and a narrow screen."""
    for name in ("prometheus", "promtool"):
        required_tool(name)
    required_browser(PACKAGES)
    seen = Range(
        SIMULATED + WARM_UP, SIMULATED.replace(hour=SIMULATED.hour + SECONDS // 3600), SCRAPE_SECONDS
    )
    shots = [
        Shot(dashboard, theme, width, tmp_path / f"{dashboard.stem}-{width}.png")
        for dashboard in DASHBOARDS
        for theme, width in (("light", 1280), ("dark", 1920))
    ]
    with holding(openmetrics(int(SIMULATED.timestamp())), tmp_path) as url:
        draw(url, seen, shots)
    assert all(shot.picture.stat().st_size > 50_000 for shot in shots), "an empty page is smaller"
