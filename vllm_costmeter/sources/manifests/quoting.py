"""A command line of words and quotes, in which nothing is run: Compose's `command`, systemd's `ExecStart`."""

from __future__ import annotations

from vllm_costmeter.sources.manifests.place import Word


def split_words(text: str, first_line: int = 1) -> list[Word]:
    """The words, each with its line. A quote that nothing closes ends with the text."""
    found: list[Word] = []
    parts: list[str] | None = None
    line = word_line = first_line
    quote, at = "", 0
    while at < len(text):
        letter = text[at]
        line += letter == "\n"
        at += 1
        if not quote and letter.isspace():
            if parts is not None:
                found.append(Word("".join(parts), word_line))
            parts = None
            continue
        if not quote and letter == "#" and parts is None:
            end = text.find("\n", at)
            at = end if end >= 0 else len(text)
            continue
        if letter == "\\" and quote != "'" and text[at : at + 1] == "\n":
            line, at = line + 1, at + 1
            continue
        if parts is None:
            parts, word_line = [], line
        if letter == quote or (not quote and letter in "'\""):
            quote = "" if quote else letter
        elif letter == "\\" and quote != "'" and at < len(text) and (not quote or text[at] in '"\\$`'):
            parts.append(text[at])
            at += 1
        else:
            parts.append(letter)
    if parts is not None:
        found.append(Word("".join(parts), word_line))
    return found
