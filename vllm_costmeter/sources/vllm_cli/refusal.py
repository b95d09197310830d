"""A command line that vLLM refuses: what it is about, and one line that says what is allowed."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.sources.vllm_cli.flag_table import ReleaseFlags

UNKNOWN = "unknown"


class ServeArgsError(BadInputError):
    """vLLM would stop at these words. `kind` says why: unknown, ambiguous, expected, takes no value, choice, value, help,
    model missing, config file."""

    def __init__(
        self, kind: str, message: str, *, flag: str | None = None, words: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.flag = flag
        """The flag at fault, by the name vLLM's documentation uses."""
        self.words = tuple(words)
        """Of an unknown word: what no flag takes, in order; of an ambiguous one: the flags it may mean."""


def unknown_words(flags: ReleaseFlags, left: Sequence[str]) -> ServeArgsError:
    """The refusal of words that no flag takes; flags of other releases are said to be so."""
    spelt = [word for word in left if word.startswith("-")]
    message = "; ".join(_unknown_flag(flags, word.partition("=")[0]) for word in dict.fromkeys(spelt))
    if not message:
        message = f"{' '.join(left)!r} belongs to no flag: vllm serve takes one MODEL"
    return ServeArgsError(UNKNOWN, message, flag=spelt[0] if spelt else None, words=left)


def _unknown_flag(flags: ReleaseFlags, name: str) -> str:
    release = flags.release
    if name == "--omni":
        return "--omni: hands the command to vllm-omni, another server with flags of its own"
    if by := flags.dropped_by(name):
        return f"{name}: dropped by vLLM {by}, {release} refuses it"
    if by := flags.brought_by(name):
        return f"{name}: new in vLLM {by}, {release} refuses it"
    return f"{name}: not a flag of vLLM {release}{nearest(name, flags.by_name)}"


def ambiguous(flags: ReleaseFlags, word: str, matches: Sequence[str]) -> ServeArgsError:
    """The refusal of an abbreviation of several flags."""
    return ServeArgsError(
        "ambiguous",
        f"{word}: ambiguous in vLLM {flags.release}, may be {', '.join(sorted(matches))}",
        flag=word,
        words=sorted(matches),
    )
