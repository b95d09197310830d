"""Photograph the live page after a simulated hour: `python -m scripts.live_page [FOLDER]`.

Needs node, npm and Chromium.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from scripts.live_page.browser import look
from scripts.live_page.simulated import simulated
from scripts.panels.replica import FLEET
from vllm_costmeter.outputs.page.document import page_document

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "page"
SHOTS = (("desktop", 1280, None), ("first", 1280, 810), ("phone", 390, 1700))
"""Name, width and height; without a height the whole page."""


def main() -> None:
    """One picture per theme and width, and one of several servers; exit 1 if the page or axe complained."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=Path, nargs="?", default=PICTURES)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        pages = {"": (simulated(), SHOTS), "-servers": (simulated(FLEET), SHOTS[:1])}
        looks = []
        for name, (data, shots) in pages.items():
            file = Path(made) / f"page{name}.html"
            file.write_text(page_document(data).html)
            looks += [
                {
                    "url": file.as_uri(),
                    "theme": theme,
                    "width": width,
                    "height": height or 900,
                    "picture": str((folder / f"{shot}{name}-{theme}.png").resolve()),
                    "full": height is None,
                    "axe": True,
                }
                for shot, width, height in shots
                for theme in ("light", "dark")
            ]
        seen = look(looks)
    complaints = [
        f"{asked['picture']}: {line}"
        for asked, found in zip(looks, seen, strict=True)
        for line in (*found["complaints"], *(found["axe"] or ()))
    ]
    print("\n".join(str(asked["picture"]) for asked in looks))
    sys.exit("\n".join(complaints) or 0)


if __name__ == "__main__":
    main()
