"""docs/architecture.md names what there is: its paths lie where it says, its names are the code's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "vllm_costmeter"
QUOTED = re.findall(r"`([^`\n]+)`", (ROOT / "docs" / "architecture.md").read_text())
PATHS = sorted({quoted for quoted in QUOTED if re.fullmatch(r"[\w.-]+/[\w./-]*|\w+\.py", quoted)})
NAMES = sorted(
    {quoted for quoted in QUOTED if re.fullmatch(r"[A-Za-z]\w*(\.\w+)?(\(.*\))?", quoted)} - {*PATHS}
)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_of_the_page_exists(path: str) -> None:
    """From the repository's root or from the package's."""
    assert (ROOT / path).exists() or (PACKAGE / path).exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_the_page_is_in_the_code(name: str) -> None:
    """A class, a function or an attribute: the page follows the code through them."""
    owner, _, attribute = name.partition("(")[0].rpartition(".")
    texts = [file.read_text() for file in PACKAGE.rglob("*.py")]
    assert any(all(re.search(rf"\b{word}\b", text) for word in (owner, attribute) if word) for text in texts)
