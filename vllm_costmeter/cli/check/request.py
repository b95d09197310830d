"""The parsed command line of `costmeter check` as one typed value."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.release import Release, release_of
from vllm_costmeter.sources.serve_args.given import GivenFlags

if TYPE_CHECKING:
    from vllm_costmeter.sources.serve_args.read import ServeCommand

Format = Literal["text", "json", "csv", "github", "junit", "sarif"]
FORMATS: tuple[Format, ...] = ("text", "json", "csv", "github", "junit", "sarif")
DEPLOYMENTS = (".yaml", ".yml", ".sh", ".sbatch", ".slurm", ".container", ".service")
"""How files are called that start servers and that no model is called: manifests, scripts, units."""
REPORTS: tuple[Format, ...] = ("github", "junit", "sarif")
"""Formats that CI systems read, in which an error of the command itself is reported too."""


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """Models or files, the GPU, the flags of `vllm serve`, and the output format."""

    models: tuple[str, ...] = ()
    files: tuple[str, ...] | None = None
    in_folders: tuple[str, ...] = ()
    """Those of `files` that were found in a folder and may start no server."""
    skip_other_files: bool = False
    allow_unread: bool = False
    """Whether what may start a server and was not read leaves the exit code as it is."""
    gpu: str | None = None
    """The name as given. An empty name is kept, to be rejected: it is an unset variable in a script."""
    gpu_memory_gib: float | None = None
    vllm_version: str | None = None
    compare_versions: str | None = None
    """Releases, separated by commas."""
    is_exact: bool = False
    is_strict: bool = False
    is_explained: bool = False
    shows_all_suggestions: bool = False
    headroom: float | None = None
    """Share of each GPU's memory to keep spare."""
    other_processes_gib: float | None = None
    waivers: str | None = None
    format: Format = "text"
    serve: GivenFlags = field(default_factory=GivenFlags)
    given: Mapping[str, str] = field(default_factory=dict)
    """Values of variables in deployment files, by name."""
    path_maps: tuple[tuple[str, str], ...] = ()
    """(path in a container, folder on this machine)."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the server's process that decide something."""
    typed: str | None = None
    """A command that starts several servers."""
    stated_gpus: tuple[int, str] | None = None
    """GPUs that the command's container or CUDA_VISIBLE_DEVICES leaves it, and what says so."""
    words: tuple[str, ...] = ()
    """The words of `vllm serve` from which models and flags are read, a whole command behind `--`."""
    own_flags: tuple[str, ...] = ()
    """Names of this command's own flags."""

    def read_for(self, release: Release) -> ServeCommand:
        """Models and flags as that release reads them; flags before `--` replace those of the command behind it."""
        words = list(self.words)
        end = words.index("--") if "--" in words else len(words)
        own, command = words[:end], words[end + 1 :]
        found = _read(own, release, any_models=True, own_flags=self.own_flags)
        if not command:
            return found
        from vllm_costmeter.sources.serve_args.command import start_of_flags

        at = start_of_flags(command)
        if at is None:
            return found
        return found.over(_read(command[at:], release, is_module=command[at - 1] != "serve"))

    def over(self, declared: ServeCommand, release: Release, vllm_version: str | None) -> CheckRequest:
        """The request for a server declared in a file; this command line overrides the file."""
        return replace(
            self,
            models=self.models or declared.models,
            gpu=declared.gpu if self.gpu is None else self.gpu,
            vllm_version=vllm_version,
            serve=self.read_for(release).flags.over(declared.flags),
        )


def request_from(values: argparse.Namespace) -> CheckRequest:
    """The request in a parsed namespace; no other function reads the namespace."""
    request = CheckRequest(
        files=None if values.file is None else tuple(values.file),
        skip_other_files=values.skip_other_files,
        allow_unread=values.allow_unread,
        gpu=values.gpu,
        gpu_memory_gib=values.gpu_memory_gib,
        vllm_version=values.vllm_version,
        compare_versions=values.compare_versions,
        is_exact=values.exact,
        is_strict=values.strict,
        is_explained=values.explain,
        shows_all_suggestions=values.all_suggestions,
        headroom=values.headroom,
        other_processes_gib=values.other_processes,
        waivers=values.waivers,
        format=values.format,
        given=dict(values.set or ()),
        path_maps=tuple(values.path_map or ()),
        environment=dict(values.server_environment or ()),
        typed=values.typed,
        stated_gpus=values.stated_gpus,
        words=tuple(values.models),
        own_flags=values.own_flags,
    )
    found = request.read_for(_release(values.vllm_version, values.compare_versions))
    gpu = found.gpu if request.gpu is None else request.gpu
    return replace(request, models=found.models, gpu=gpu, serve=found.flags)


def _release(vllm_version: str | None, compared: str | None) -> Release:
    """The release to read the flags for; the last to be compared, whose faults are reported where they are read."""
    if vllm_version is not None:
        return release_of(vllm_version)
    from vllm_costmeter.sources.vllm.installed import installed_release

    try:
        return installed_release() if compared is None else release_of(compared.rpartition(",")[2])
    except BadInputError:
        return installed_release()


def _read(
    words: Sequence[str],
    release: Release,
    *,
    is_module: bool = False,
    any_models: bool = False,
    own_flags: Sequence[str] = (),
) -> ServeCommand:
    from vllm_costmeter.sources.serve_args.read import read_command

    read = partial(
        read_command, words, release, is_module=is_module, any_models=any_models, other_names=own_flags
    )
    if "--config" not in words:
        return read()
    from vllm_costmeter.sources.serve_args.config_file import ConfigFile

    file = ConfigFile(words)
    try:
        found = read(read_config=file.read)
    except BadInputError as error:
        raise file.located(error) from None
    notes = (*found.flags.notes, *file.passed_over(release, is_module=is_module))
    return replace(found, flags=replace(found.flags, notes=notes))
