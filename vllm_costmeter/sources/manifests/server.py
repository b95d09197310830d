"""One vLLM server declared in a deployment file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.sources.manifests.place import LocatedError, Place, Word
from vllm_costmeter.sources.manifests.placeholders import Settled, remedy, settled
from vllm_costmeter.sources.shell.syntax import ShellError
from vllm_costmeter.sources.vllm_cli.flag_table import flag_table

if TYPE_CHECKING:
    from vllm_costmeter.sources.shell.machine import File


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
    """What gives it `gpus`: the file, `--gpus` of a command, or CUDA_VISIBLE_DEVICES."""
    fault: str | None = None
    """Why the object cannot be read: bad input."""
    release: str | None = None
    """The vLLM release that a script of the file installs, where no image states one."""

    def place_of(self, message: str) -> Place:
        """The line of the word that an error message begins with or names, otherwise the container's."""
        flags = re.findall(r"--?[A-Za-z][\w-]*", message.replace("_", "-"))
        known = flag_table().at()
        for word in self.words:
            named = known.named(word.text)
            if word.text.partition("=")[0].replace("_", "-") in flags or (named and named.name in flags):
                return Place(self.place.file, word.line)
        return self.place


def each_or_fault(
    read: Callable[[], Iterable[DeclaredServer]], name: str, place: Place
) -> list[DeclaredServer]:
    """The servers that are read, or the fault in one part of a file as a server of its own: the other parts of the
    file are checked too."""
    try:
        return list(read())
    except ShellError as error:
        return [DeclaredServer(name, Place(place.file, error.line), (), fault=error.message)]
    except LocatedError as error:
        return [DeclaredServer(name, error.place, (), fault=error.message)]


def settled_words(server: DeclaredServer) -> Settled:
    """The words of the server that can be read. A located error that names every placeholder that decides something."""
    found = settled(server.words)
    if found.open_values:
        word = found.open_values[0][0]
        raise Place(server.place.file, word.line).fault(f"{server.name}: {remedy(found.open_values)}")
    return found
