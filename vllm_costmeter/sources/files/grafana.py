"""The grafana/ folder of the installed version: dashboards, provisioning, Prometheus configuration, compose file."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2]
INSTALLED, CHECKOUT = PACKAGE / "grafana", PACKAGE.parent / "grafana"
"""Its location in an installed wheel, and in the repository."""


def grafana_files() -> dict[str, str]:
    """Path below grafana/ -> text, sorted, from the first existing folder. Raises FileNotFoundError if there is
    none."""
    for folder in (INSTALLED, CHECKOUT):
        if folder.is_dir():
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in files}
    raise FileNotFoundError(f"the grafana folder is missing from this installation: {INSTALLED}")
