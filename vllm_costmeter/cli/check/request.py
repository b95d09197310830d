"""The parsed command line of `costmeter check` as one typed value."""

from __future__ import annotations

import argparse
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.sources.serve_args.given import GivenFlags, given_flags

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

    def over(self, declared: CheckRequest) -> CheckRequest:
        """The request for a server declared in a file; this command line overrides the file."""
        return replace(
            self,
            models=declared.models,
            gpu=declared.gpu if self.gpu is None else self.gpu,
            gpu_memory_gib=declared.gpu_memory_gib if self.gpu_memory_gib is None else self.gpu_memory_gib,
            vllm_version=declared.vllm_version if self.vllm_version is None else self.vllm_version,
            serve=self.serve.over(declared.serve),
        )


def request_from(values: argparse.Namespace) -> CheckRequest:
    """The request in a parsed namespace; no other function reads the namespace."""
    return CheckRequest(
        models=(*values.models, *([values.model_flag] if values.model_flag else [])),
        files=None if values.file is None else tuple(values.file),
        skip_other_files=values.skip_other_files,
        gpu=values.costmeter_gpu if values.gpu is None else values.gpu,
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
        serve=given_flags(values),
    )
