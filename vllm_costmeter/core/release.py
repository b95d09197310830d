"""vLLM's version strings, as people and builds write them."""

from __future__ import annotations

import re

from vllm_costmeter.core.errors import BadInputError

Version = tuple[int, int, int]

_RELEASE = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?![0-9])")


def parse_version(text: str) -> Version:
    """(major, minor, patch) of "0.32.0", "v0.32", "0.32.0+cpu", "0.11.0rc2", "0.23.x"; suffixes do not matter.

    BadInputError where no release number leads the text.
    """
    match = _RELEASE.match(text.strip())
    if match is None:
        raise BadInputError(f"vLLM version {text!r} is not a version: give one like 0.32.0")
    major, minor, patch = match.groups()
    return int(major), int(minor), int(patch or 0)


def is_unnumbered_build(text: str) -> bool:
    """Whether the build does not know its release: setuptools-scm calls a shallow clone "0.1.dev1+g9759e3b06"."""
    return text.strip().startswith("0.1.dev")
