"""One vLLM server declared in a deployment file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.sources.manifests.place import Place, Word
from vllm_costmeter.sources.manifests.shell import commands
from vllm_costmeter.sources.serve_args.command import start_of_flags
from vllm_costmeter.sources.serve_args.flags import MEMORY_FLAGS
from vllm_costmeter.sources.vllm_cli.flag_table import flag_table

_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\$\([^)]*\)|\$[A-Za-z_]\w*|\{\{.*?\}\}|<[A-Za-z][\w. -]*>")
_SHELLS = ("sh", "bash", "dash", "ash", "zsh")
_DECIDING = {"model", "revision", "config", *(flag.field for flag in MEMORY_FLAGS if flag.kind != "switch")}
"""Arguments whose value affects the result."""


@dataclass(frozen=True, slots=True)
class DeclaredServer:
    """A container that starts vLLM."""

    name: str
    """A readable name: "Deployment llama, container vllm"."""
    place: Place
    words: tuple[Word, ...]
    """Model and flags, as after `vllm serve`."""
    not_read: str | None = None
    """Why an object that may start a server was not read."""
    gpus: int | None = None
    """GPUs of one whole replica; None if the file gives no number."""
    gpus_line: int | None = None
    gpu_names: tuple[str, ...] = ()
    """Catalogue names of the GPUs it may run on, smallest first; empty if the file names none."""
    image: str | None = None
    """The container's image, whose tag may state a vLLM release; None if the file names none."""
    gpu_fault: str | None = None
    """Why the GPU named in the file could not be identified."""

    def place_of(self, message: str) -> Place:
        """The line of the word that an error message begins with or names, otherwise the container's."""
        flags = re.findall(r"--?[A-Za-z][\w-]*", message.replace("_", "-"))
        known = flag_table().at()
        for word in self.words:
            named = known.named(word.text)
            if word.text.partition("=")[0].replace("_", "-") in flags or (named and named.name in flags):
                return Place(self.place.file, word.line)
        return self.place


def server_words(command: Sequence[Word], variables: Mapping[str, str]) -> tuple[Word, ...] | None:
    """Model and flags of a container's command, including shell scripts; None if it starts no vLLM server."""
    shell = _script(command)
    candidates = [list(command)] if shell is None else commands(shell.text, variables, shell.line)
    for words in candidates:
        at = start_of_flags([word.text for word in words])
        if at is not None:
            return tuple(words[at:])
    return None


def _script(command: Sequence[Word]) -> Word | None:
    """The text after `sh -c`; None without a shell."""
    if not command or command[0].text.rsplit("/", 1)[-1] not in _SHELLS:
        return None
    for flag, script in pairwise(command):
        if re.fullmatch(r"-[a-z]*c", flag.text):
            return script
    return None


def reject_placeholders(server: DeclaredServer) -> None:
    """Raises an error if the model, or a flag that affects the result, still has a placeholder as value."""
    found = placeholder(server.words)
    if found is not None:
        word, what = found
        raise Place(server.place.file, word.line).fault(
            f"{server.name}: {what}: render the file or fill in the value"
        )


def placeholder(words: Sequence[Word]) -> tuple[Word, str] | None:
    """The first word that still has a placeholder where a value is needed, and what it stands for."""
    known = flag_table().at()
    name, flag = "", None
    for word in words:
        is_flag = word.text.startswith("-")
        value, is_complete = word.text, flag is None or flag.nargs != "+"
        if is_flag:
            name, equals, value = word.text.partition("=")
            name = name.replace("_", "-")
            flag = known.named(name)
            is_complete = bool(equals) or (flag is not None and not flag.takes_value)
        found = _PLACEHOLDER.search(value)
        if found and (not name or (flag is not None and flag.dest in _DECIDING)):
            return word, f"{found[0]} is a placeholder for {name or 'the model'}"
        if is_complete:
            name, flag = "", None
    return None
