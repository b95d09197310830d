"""What `costmeter check` is asked: the parsed command line as one typed value."""

from __future__ import annotations

import argparse
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.sources.serve_args.given import GivenFlags, given_flags

Format = Literal["text", "json", "github"]


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """Models or files, the GPU, the flags of `vllm serve`, and how to answer."""

    models: tuple[str, ...] = ()
    files: tuple[str, ...] | None = None
    skip_other_files: bool = False
    gpu: str | None = None
    """As named; an empty name is one, and a fault: it is an unset variable of a script."""
    gpu_memory_gib: float | None = None
    vllm_version: str | None = None
    compare_versions: str | None = None
    """Releases, separated by commas."""
    is_exact: bool = False
    is_strict: bool = False
    is_explained: bool = False
    format: Format = "text"
    serve: GivenFlags = field(default_factory=GivenFlags)

    def over(self, declared: CheckRequest) -> CheckRequest:
        """A file's server with what this command line gives in the place of the file's own flags."""
        return replace(
            self,
            models=declared.models,
            gpu=declared.gpu if self.gpu is None else self.gpu,
            gpu_memory_gib=declared.gpu_memory_gib if self.gpu_memory_gib is None else self.gpu_memory_gib,
            vllm_version=declared.vllm_version if self.vllm_version is None else self.vllm_version,
            serve=self.serve.over(declared.serve),
        )


def request_from(values: argparse.Namespace) -> CheckRequest:
    """The only reader of the parser's namespace."""
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
        format=values.format,
        serve=given_flags(values),
    )
