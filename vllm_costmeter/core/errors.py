"""How an answer can fail: the input is wrong, the GPU cannot do it, or it is right but not understood."""

from __future__ import annotations

from collections.abc import Iterable


class BadInputError(ValueError):
    """What was given makes no sense. One clear line, exit code 2, no traceback."""


class GpuCannotError(BadInputError):
    """vLLM has no kernel for this on the GPU's generation: another GPU helps, no length and no flag does."""


class NotUnderstoodError(Exception):
    """Valid input whose memory rules are not known. Verdict `unknown`, exit code 3: never a guess."""


def nearest(given: str, known: Iterable[str], count: int = 3, cutoff: float = 0.5) -> str:
    """`"; nearest: a, b"` for a misspelt name, or an empty string where nothing is near."""
    import difflib

    folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(given.casefold(), folded, n=count, cutoff=cutoff)
    return f"; nearest: {', '.join(folded[name] for name in found)}" if found else ""
