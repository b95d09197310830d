"""A section of a page that a command writes, between two marks; what stands around it is written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class MarkedSection(NamedTuple):
    """`heading` is used where a page has no such section yet."""

    name: str
    heading: str
    command: str
    """What writes it."""

    @property
    def begin(self) -> str:
        return f"<!-- {self.name}: written by `{self.command}` -->"

    @property
    def end(self) -> str:
        return f"<!-- {self.name}: end -->"

    def read(self, page: str) -> str:
        """What the page has between the marks; nothing where it has none."""
        return page.partition(self.begin)[2].partition(self.end)[0]

    def replaced(self, page: str, content: str) -> str:
        """The page with another content of this section, which is added at the end of one without."""
        if self.begin not in page:
            page += f"\n## {self.heading}\n\n{self.begin}{self.end}\n"
        before, _, rest = page.partition(self.begin)
        if self.end not in rest:
            raise ValueError(f"no {self.end!r} behind {self.begin!r}: the rest of the page would be lost")
        return f"{before}{self.begin}{content}{self.end}{rest.partition(self.end)[2]}"

    def write(self, page: Path, content: str) -> None:
        """The same in a file."""
        text = page.read_text("utf-8") if page.exists() else "# Reliability\n"
        page.write_text(self.replaced(text, content), "utf-8")
