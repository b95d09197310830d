"""The tables of docs/security.md."""

from __future__ import annotations

import re
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "security.md").read_text()


def rows(heading: str) -> dict[str, str]:
    """What is quoted in the first column of a section's first table -> its second column."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = re.findall(r"^\| (`.*?) \| (.*?) \|", section, re.MULTILINE)
    return {name: second for first, second in table for name in re.findall(r"`([^`]+)`", first)}


SERVER_ROUTES = rows("Routes of a server with the plugin")
EXPORTER_ROUTES = rows("The exporter")
LABELS = rows("`/metrics`")
