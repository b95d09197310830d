"""Where a server's command begins that was typed without `--` before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
PREFIXES = ("env", "sudo", "nohup", "exec", "time")
CONTAINER_TOOLS = ("docker", "podman", "nerdctl")


def start_of_command(words: Sequence[str]) -> int | None:
    """Where a command that was typed without `--` before it begins; None without one.

    Its tools are words that no model is called by: `vllm serve`, `python -m vllm...`, `docker run`, with the
    assignments before them.
    """
    for at, (word, after) in enumerate(pairwise(words)):
        tool = word.rsplit("/", 1)[-1]
        if (
            (tool == "vllm" and after == "serve")
            or (tool in CONTAINER_TOOLS and after == "run")
            or (tool.startswith("python") and after == "-m")
        ):
            start = at
            while start and (words[start - 1] in PREFIXES or ASSIGNMENT.fullmatch(words[start - 1])):
                start -= 1
            return start
    return None
