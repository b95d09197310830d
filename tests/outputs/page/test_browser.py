"""Which browser draws pictures of pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.outputs.page.browser import browser


def test_one_on_the_path_goes_before_playwrights(tmp_path: Path) -> None:
    """In the order of the names."""
    on_path = {"google-chrome": "/usr/bin/google-chrome", "chromium": "/usr/bin/chromium"}
    assert browser(on_path.get, tmp_path) == "/usr/bin/chromium"


@pytest.mark.parametrize(
    "place",
    [
        ".cache/ms-playwright/chromium-1187/chrome-linux/chrome",
        ".cache/ms-playwright/chromium_headless_shell-1187/chrome-linux/headless_shell",
        "Library/Caches/ms-playwright/chromium-1187/chrome-mac/Chromium.app/Contents/MacOS/Chromium",
    ],
)
def test_playwrights_is_found_where_it_installs_it(place: str, tmp_path: Path) -> None:
    """Without importing playwright."""
    program = tmp_path / place
    program.parent.mkdir(parents=True)
    program.touch()
    assert browser(lambda name: None, tmp_path) == str(program)


def test_without_one_it_says_what_to_install(tmp_path: Path) -> None:
    """And that a page in HTML needs none."""
    with pytest.raises(BadInputError, match=r"playwright install chromium.*html needs none"):
        browser(lambda name: None, tmp_path)
