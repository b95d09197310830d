"""Draw the dashboards as Grafana does: `python -m scripts.pictures`, or of your own Prometheus with `--url`.

A picture per dashboard, theme and width. Without `--url`, of a simulated hour (`scripts/panels/simulated_fleet.py`)
in a Prometheus that is started for it. Needs node, npm, Chromium and, for the simulated hour, Prometheus and promtool.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scripts.panels.queries import DASHBOARDS
from scripts.panels.replica import SCRAPE_SECONDS, SECONDS
from scripts.panels.simulated_fleet import openmetrics
from scripts.pictures.chromium import DrawingFailedError, Range, Shot, draw
from scripts.pictures.prometheus import PrometheusFailedError, holding

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "simulated_hour"
SIMULATED = datetime(2026, 11, 2, 9, 58, tzinfo=UTC)
WARM_UP = timedelta(minutes=2)  # before it, rates have no earlier scrape to start from
THEMES = ("light", "dark")


def main() -> None:
    """Print the picture's paths as they are drawn; exit 1 if a page complained of anything."""
    args = _arguments()
    dashboards = [path for path in sorted(DASHBOARDS.glob("*.json")) if args.only in _short(path)]
    args.folder.mkdir(parents=True, exist_ok=True)
    shots = [
        Shot(dashboard, theme, width, args.folder / _name(dashboard, theme, width))
        for dashboard in dashboards
        for theme in args.themes
        for width in args.widths
    ]
    try:
        with _asked(args) as (url, seen):
            draw(url, seen, shots)
    except (DrawingFailedError, PrometheusFailedError) as failure:
        sys.exit(str(failure))


@contextlib.contextmanager
def _asked(args: argparse.Namespace) -> Iterator[tuple[str, Range]]:
    """The Prometheus to ask, and what of it is seen."""
    if args.url:
        end = args.end or datetime.now(UTC)
        yield args.url, Range(end - timedelta(seconds=args.seconds), end, args.scrape)
        return
    last = SIMULATED + timedelta(seconds=SECONDS) - timedelta(minutes=1)
    samples = openmetrics(int(SIMULATED.timestamp()))
    with tempfile.TemporaryDirectory() as folder, holding(samples, Path(folder)) as url:
        yield url, Range(SIMULATED + WARM_UP, last, SCRAPE_SECONDS)


def _name(dashboard: Path, theme: str, width: int) -> str:
    name = f"{_short(dashboard)}-{theme}"
    return f"{name}.png" if width == 1280 else f"{name}-{width}.png"


def _short(dashboard: Path) -> str:
    return dashboard.stem.removeprefix("costmeter-")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=Path, nargs="?", default=PICTURES, help="for the pictures")
    parser.add_argument("--url", help="of a Prometheus; default: a simulated hour")
    parser.add_argument("--seconds", type=float, default=3600, help="how much of it is seen; default: 3600")
    parser.add_argument(
        "--end", type=datetime.fromisoformat, metavar="TIME", help="of the range; default: now"
    )
    parser.add_argument("--scrape", type=int, default=15, metavar="SECONDS", help="its interval; default: 15")
    parser.add_argument("--only", default="", metavar="NAME", help="cost, fit or fleet; default: all three")
    parser.add_argument("--widths", type=int, nargs="+", default=[1280], metavar="PIXELS")
    parser.add_argument("--themes", nargs="+", default=THEMES, choices=THEMES)
    return parser.parse_args()


if __name__ == "__main__":
    main()
