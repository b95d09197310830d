"""One vLLM server declared in a deployment file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.sources.manifests.place import Place, Word
from vllm_costmeter.sources.serve_args.flag_names import SEVERAL_VALUES
from vllm_costmeter.sources.serve_args.flags import MEMORY_FLAGS

if TYPE_CHECKING:
    from vllm_costmeter.sources.shell.machine import File

_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\$\([^)]*\)|\$[A-Za-z_]\w*|\{\{.*?\}\}|<[A-Za-z][\w. -]*>")
_READ_FLAGS = frozenset(
    ["--model", "--revision", "--config"]
    + [f"--{flag.name}" for flag in MEMORY_FLAGS if flag.kind != "switch"]
    + [flag.short for flag in MEMORY_FLAGS if flag.short and flag.kind != "switch"]
)
"""Flags whose value affects the result."""


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
    gpu_vendor: Literal["nvidia", "amd"] | None = None
    """Whose GPUs its resources ask for; None if the file does not say."""
    mig_profile: str | None = None
    """"1g.10gb" where it gets slices of GPUs."""
    notes: tuple[str, ...] = ()
    """What else of the file a reader of the result should know."""
    machine: str | None = None
    """Servers with the same name here start on one machine, in the file's order; None if that is not known."""
    devices: tuple[str, ...] = ()
    """The GPUs of that machine that it takes, by number or UUID."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of its process whose value is known."""
    files: Mapping[str, File] = field(default_factory=dict)
    """Texts in its container, by path."""
    paths: tuple[tuple[str, str], ...] = ()
    """(folder in its container, folder on this machine) of what is mounted from here."""
    gpus_from: str = "the file"
    """What gives it `gpus`."""
    fault: str | None = None
    """Why the object cannot be read: bad input."""

    def place_of(self, message: str) -> Place:
        """The line of the word that an error message begins with or names, otherwise the container's."""
        flags = re.findall(r"--?[A-Za-z][\w-]*", message.replace("_", "-"))
        for word in self.words:
            if word.text.partition("=")[0].replace("_", "-") in flags:
                return Place(self.place.file, word.line)
        return self.place


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
    flag = ""
    for word in words:
        name, equals, value = word.text.partition("=")
        is_flag = word.text.startswith("-")
        decides = (is_flag and equals and name.replace("_", "-") in _READ_FLAGS) or (
            not is_flag and (not flag or flag in _READ_FLAGS)
        )
        found = _PLACEHOLDER.search(value if is_flag else word.text)
        if decides and found:
            what = name if is_flag else flag or "the model"
            return word, f"{found[0]} is a placeholder for {what}"
        if is_flag:
            flag = "" if equals else name.replace("_", "-")
        elif flag.removeprefix("--") not in SEVERAL_VALUES:
            flag = ""
    return None
