"""A server's command that was typed without `--` before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
CONTAINER_TOOLS = ("docker", "podman", "nerdctl")
SUBCOMMANDS = ("serve", "bench", "chat", "complete", "run-batch")
WRAPPERS = ("sudo", "nohup", "exec", "time")


def marked(words: Sequence[str]) -> list[str]:
    """The words with `--` before a command among them and without `sudo` and the like; unchanged without one.

    A command begins with words that no model is called by: `vllm serve` (or `vllm bench`, which is refused),
    `python -m`, `docker run`, or the assignments before them.
    """
    for at, (word, after) in enumerate(pairwise(words)):
        tool = word.rsplit("/", 1)[-1]
        if (
            (tool == "vllm" and after in SUBCOMMANDS)
            or (tool in CONTAINER_TOOLS and after == "run")
            or (tool.startswith("python") and after == "-m")
        ):
            start = at
            while start and _belongs_before(words[start - 1]):
                start -= 1
            before = [each for each in words[start:at] if each not in WRAPPERS]
            return [*words[:start], "--", *before, *words[at:]]
    return list(words)


def _belongs_before(word: str) -> bool:
    return word in ("env", *WRAPPERS) or ASSIGNMENT.fullmatch(word) is not None
