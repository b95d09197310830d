"""Errors for command lines that vLLM refuses: the kind, and one line on what is allowed."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.sources.vllm_cli.flag_table import ReleaseFlags

OMNI = "--omni"
"""Its presence hands the whole command to vllm-omni, if that is installed."""

MOST_LISTED = 12
"""Flags that an abbreviation may mean; the others are counted."""
MOST_SHOWN = 80
"""The longest part of a word that a message quotes, in characters."""


def shown(word: str, *, quoted: bool = False) -> str:
    """A word for an error message: truncated if long, quoted on request or if it is not printable."""
    text = word if len(word) <= MOST_SHOWN else f"{word[:MOST_SHOWN]}..."
    return repr(text) if quoted or not text.isprintable() else text


class ServeArgsError(BadInputError):
    """vLLM would refuse this command line. `kind`: unknown, ambiguous, expected, takes no value, choice,
    value, help, model missing or config file."""

    def __init__(
        self, kind: str, message: str, *, flag: str | None = None, words: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.flag = flag
        """The flag at fault, by its name in vLLM's documentation."""
        self.words = tuple(words)
        """For unknown: the unrecognized words, in order; for ambiguous: the flags it may mean."""


class UnknownWordsError(ServeArgsError):
    """Unrecognized words. The message is built on demand: finding the nearest names takes milliseconds."""

    def __init__(self, flags: ReleaseFlags, left: Sequence[str]) -> None:
        self.flags = flags
        names = [word.partition("=")[0] for word in left if word.startswith("-")]
        self.names = tuple(dict.fromkeys(names))
        """The unknown flags."""
        super().__init__("unknown", "", flag=names[0] if names else None, words=left)

    def __str__(self) -> str:
        return self.line()

    def line(self, others: Sequence[str] = ()) -> str:
        """The message; the nearest names are also looked for among `others`."""
        if not self.names:
            return (
                f"{shown(' '.join(self.words), quoted=True)} belongs to no flag: vllm serve takes one MODEL"
            )
        return "; ".join(_unknown_flag(self.flags, name, others) for name in self.names)


def _unknown_flag(flags: ReleaseFlags, name: str, others: Sequence[str]) -> str:
    if name == OMNI:
        return f"{OMNI}: hands the command to vllm-omni, another server with flags of its own"
    known = (*flags.by_name, *others)
    return absence(flags, name) or (
        f"{shown(name)}: not a flag of vLLM {flags.release}{nearest(name, known)}"
    )


def absence(flags: ReleaseFlags, name: str) -> str | None:
    """Why this release refuses a flag that another release has; None if no release is known to have it."""
    from vllm_costmeter.sources.vllm_cli.old_flags import OLD_FLAGS
    from vllm_costmeter.sources.vllm_cli.other_releases import brought_by, dropped_by

    release = flags.release
    if dropped := dropped_by(flags, name):
        return f"{name}: dropped by vLLM {dropped[1]} (last in {dropped[0]}), {release} refuses it"
    if by := brought_by(flags, name):
        return f"{name}: new in vLLM {by}, {release} refuses it"
    if name not in OLD_FLAGS:
        return None
    instead = f"; use {OLD_FLAGS[name]}" if OLD_FLAGS[name] else ""
    return f"{name}: dropped before vLLM {flags.first_recorded}, {release} refuses it{instead}"


def ambiguous(flags: ReleaseFlags, word: str, matches: Sequence[str]) -> ServeArgsError:
    """The error for an abbreviation of several flags."""
    listed = sorted(matches)
    more = f" and {len(listed) - MOST_LISTED} more" if len(listed) > MOST_LISTED else ""
    return ServeArgsError(
        "ambiguous",
        f"{shown(word)}: ambiguous in vLLM {flags.release}, may be {', '.join(listed[:MOST_LISTED])}{more}",
        flag=word,
        words=listed,
    )
