"""The vLLM release that a check is for: parsed here, once, and passed on as a value."""

from __future__ import annotations

import re

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError

Version = tuple[int, int, int]

NEWEST_KNOWN: Version = (0, 33, 0)
"""The newest release whose source was read (2026-11-22)."""
OLDEST_SUPPORTED: Version = (0, 17, 0)
"""The oldest release that this package's extra `vllm` allows."""

_RELEASE = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?![0-9])")
_UNNUMBERED = ("0.1.dev", "dev")
"""setuptools-scm names a shallow clone "0.1.dev1+g9759e3b06"; vLLM names a tree without version file "dev"."""


def dotted(number: tuple[int, ...]) -> str:
    """ "0.32" for (0, 32)."""
    return ".".join(map(str, number))


@dataclass(frozen=True, slots=True)
class Release:
    """One vLLM build. Every rule that depends on the release uses `number`."""

    text: str
    """The build's version string: "0.32.0+cu130", "0.22.1rc1.dev281+gabc"."""
    number: Version
    """The release that provides the rules; the newest known for a build without a number."""
    note: str | None = None
    """A caveat about these rules for the result."""
    is_numbered: bool = True
    is_assumed: bool = False
    """True if no release was stated and no vLLM is installed."""

    def __str__(self) -> str:
        """ "0.32.0+cu130", or "0.33.0 (assumed)"."""
        return f"{self.text} (assumed)" if self.is_assumed else self.text

    @property
    def minor(self) -> tuple[int, int]:
        """(0, 32) for 0.32.1: no rule changes within a minor release."""
        return self.number[:2]

    @property
    def is_development(self) -> bool:
        """Whether the build is of a commit after the release that it is numbered by, so that rules of a later release
        may hold already."""
        return "dev" in self.text

    @property
    def key(self) -> str:
        """Equal for builds that share recorded starts: "0.32.0" for "0.32.0+cu130"; `text` if unnumbered."""
        return dotted(self.number) if self.is_numbered else self.text


NEWEST = Release(dotted(NEWEST_KNOWN), NEWEST_KNOWN, is_assumed=True)
"""The release assumed if none is stated."""


def release_of(text: str | None) -> Release:
    """The release that `text` names; for None the newest known, marked as assumed.

    Suffixes are ignored: "v0.23.0-cu130" and "0.23.x" are 0.23.0, "0.22.1rc1.dev281+gabc" is 0.22.1.
    BadInputError unless the text starts with a release number or is the version of an unnumbered build.
    """
    if text is None:
        return NEWEST
    if text.strip().startswith(_UNNUMBERED):
        return _unnumbered(text.strip())
    match = _RELEASE.match(text.strip())
    if match is None:
        raise BadInputError(f"vLLM version {text!r} is not a version: give one like 0.32.0")
    major, minor, patch = match.groups()
    number = (int(major), int(minor), int(patch or 0))
    return Release(text, number, _note(text, number))


def release_of_build(text: str | None) -> Release:
    """The release of a running or installed vLLM, for any version string; None: it has none."""
    try:
        return release_of(text or "dev")
    except BadInputError:
        return _unnumbered(str(text))


def _unnumbered(text: str) -> Release:
    note = f"vLLM {text} is a build without a release number; using the rules of {dotted(NEWEST_KNOWN)}"
    return Release(text, NEWEST_KNOWN, note, is_numbered=False)


def _note(text: str, number: Version) -> str | None:
    if number[:2] > NEWEST_KNOWN[:2]:
        newest = dotted(NEWEST_KNOWN)
        return f"vLLM {text} is unknown, newer than the newest known: using the rules of {newest}"
    if number < OLDEST_SUPPORTED:
        oldest = dotted(OLDEST_SUPPORTED)
        return f"vLLM {text} is older than {oldest}, the oldest supported: its rules rest on few logs"
    return None
