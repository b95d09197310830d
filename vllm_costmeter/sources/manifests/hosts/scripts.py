"""Shell and SLURM scripts -> the servers that their commands start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.whole_number import whole_number
from vllm_costmeter.sources.manifests.gpus.labels import NodeGpus, named_gpus
from vllm_costmeter.sources.manifests.hosts.commands import devices_of, server_commands
from vllm_costmeter.sources.manifests.image import release_installed
from vllm_costmeter.sources.manifests.place import Place, Word
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.stages import staged

_SHEBANG = re.compile(r"#!.*\b(ba|da|z|k)?sh\b")
_OPTION = re.compile(r"^#SBATCH\s+(--[a-z-]+|-[A-Za-z])[ =]*([^\s#]*)", re.MULTILINE)
_GPU_OPTIONS = ("--gres", "--gpus", "-G", "--gpus-per-node", "--gpus-per-task")


@dataclass(frozen=True, slots=True)
class Slurm:
    """What the `#SBATCH` lines ask for."""

    gpus: int | None = None
    line: int | None = None
    name: str | None = None


def is_script(text: str, name: str) -> bool:
    """Whether a file is a shell script, by its name or its first line."""
    return name.endswith((".sh", ".bash", ".zsh", ".sbatch", ".slurm")) or _SHEBANG.match(text) is not None


def script_servers(
    text: str, file: str, name: str, seen: list[str], given: Mapping[str, str]
) -> Iterator[DeclaredServer]:
    """The servers of a script in the order of its commands."""
    slurm = slurm_of(text)
    node = named_gpus(slurm.name) if slurm.name is not None else NodeGpus()
    found = []
    for start in server_commands([Word("bash", 1), Word("-c", 1), Word(text, 1)], given):
        line = start.words[0].line if start.words else 1
        found.append(
            DeclaredServer(
                name=f"script {name}",
                place=Place(file, line),
                words=start.words or (),
                not_read=start.not_read,
                image=start.image,
                gpus=start.gpus or slurm.gpus,
                gpus_line=start.gpus_line if start.gpus else slurm.line,
                gpus_from=start.gpus_from or "the file",
                gpu_names=node.names,
                gpu_fault=node.fault,
                machine=staged(file, start.stage),
                devices=devices_of(start),
                environment=start.environment,
                files=start.files,
                release=release_installed(text),
            )
        )
    seen += [f"script {name}"] if not found else []
    for number, server in enumerate(found, 1):
        title = server.name if len(found) == 1 else f"{server.name}, server {number}"
        seen.append(title)
        yield replace(server, name=title)


def slurm_of(text: str) -> Slurm:
    """GPUs of the whole job: `--gres=gpu:h100:4` is per node, `--gpus` for the job."""
    nodes, count, name, line = 1, None, None, None
    is_per_node = True
    for option in _OPTION.finditer(text):
        key, value = option[1], option[2]
        if key in ("--nodes", "-N"):
            nodes = whole_number(value) or nodes
        if key not in _GPU_OPTIONS:
            continue
        parts = [part for part in value.removeprefix("gpu").split("(")[0].split(":") if part]
        if key == "--gres" and not value.startswith("gpu"):
            continue
        number = next((found for part in parts if (found := whole_number(part)) is not None), None)
        kind = next((part for part in parts if not part.isdecimal()), None)
        count = number if number is not None else count or 1
        name = kind or name
        line = text.count("\n", 0, option.start()) + 1
        is_per_node = key not in ("--gpus", "-G")
    return Slurm(None if count is None else count * (nodes if is_per_node else 1), line, name)
