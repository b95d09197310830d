"""What a few programs print: those that scripts use to build words and files."""

from __future__ import annotations

from collections.abc import Sequence

from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.shell.machine import Machine
from vllm_costmeter.sources.shell.values import Text

_MOST_NUMBERS = 10_000
_PRINTERS = ("echo", "cat", "printf", "seq", "basename", "dirname")


def is_printing(command: str) -> bool:
    """Whether a command is one of those that `printed` knows, by its first word."""
    return command.split(maxsplit=1)[:1] != [] and command.split(maxsplit=1)[0] in _PRINTERS


def printed(words: Sequence[Word], machine: Machine) -> Text | None:
    """Standard output of `echo`, `printf`, `cat`, `seq`, `basename` and `dirname`; None for any other program."""
    name, rest = words[0].text, [Text(word.text, word.unknown) for word in words[1:]]
    if name == "echo":
        return _echo(rest)
    if name == "cat" and len(rest) == 1:
        file = machine.file(rest[0].text)
        return None if file is None else file.text
    if name == "printf" and rest and "%" not in rest[0].text:
        return Text(rest[0].text.replace("\\n", "\n"), rest[0].unknown)
    if name == "printf" and len(rest) == 2 and rest[0].text in ("%s", "%s\\n", "%d", "%d\\n"):
        return Text(rest[1].text + ("\n" if "n" in rest[0].text else ""), rest[1].unknown)
    if any(not each.is_known for each in rest):
        return None
    texts = [each.text for each in rest]
    if name == "seq":
        return _seq(texts)
    if name == "basename" and texts:
        base = texts[0].rstrip("/").rpartition("/")[2]
        return Text(base.removesuffix(texts[1]) if len(texts) > 1 else base)
    if name == "dirname" and texts:
        return Text(texts[0].rstrip("/").rpartition("/")[0] or ".")
    return None


def _echo(rest: list[Text]) -> Text:
    is_plain = bool(rest) and rest[0].text in ("-n", "-e", "-ne", "-en")
    kept = rest[1:] if is_plain else rest
    text = " ".join(each.text for each in kept)
    if is_plain and "e" in rest[0].text:
        text = text.replace("\\n", "\n").replace("\\t", "\t")
    end = "" if is_plain and "n" in rest[0].text else "\n"
    return Text(text + end, tuple(name for each in kept for name in each.unknown))


def _seq(texts: list[str]) -> Text | None:
    try:
        numbers = [int(text) for text in texts if len(text) < 8]
    except ValueError:
        return None
    if len(numbers) != len(texts) or not 1 <= len(numbers) <= 3:
        return None
    first, step, last = {1: (1, 1, numbers[-1]), 2: (numbers[0], 1, numbers[-1])}.get(
        len(numbers), (*numbers, 1, 1)[:3] if len(numbers) == 3 else (1, 1, 0)
    )
    if step == 0 or abs(last - first) // abs(step) > _MOST_NUMBERS:
        return None
    return Text("\n".join(map(str, range(first, last + (1 if step > 0 else -1), step))) + "\n")
