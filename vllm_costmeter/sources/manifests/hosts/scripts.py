"""Shell and SLURM scripts -> the servers that their commands start."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.sources.manifests.gpus.devices import EVERY, listed_devices, visible_devices
from vllm_costmeter.sources.manifests.gpus.labels import NodeGpus, named_gpus
from vllm_costmeter.sources.manifests.hosts.commands import assigned, server_command
from vllm_costmeter.sources.manifests.place import Place
from vllm_costmeter.sources.manifests.server import DeclaredServer
from vllm_costmeter.sources.manifests.shell import commands

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


def script_servers(text: str, file: str, name: str, seen: list[str]) -> Iterator[DeclaredServer]:
    """The servers of a script in the order of its commands."""
    slurm = slurm_of(text)
    node = named_gpus(slurm.name) if slurm.name is not None else NodeGpus()
    found = []
    before = 0
    for words in commands(text, {}):
        command = server_command(words, {})
        if command is None:
            continue
        chosen = assigned(words, "CUDA_VISIBLE_DEVICES")
        listed = listed_devices(chosen)
        found.append(
            DeclaredServer(
                name=f"script {name}",
                place=Place(file, (command.words or words)[0].line),
                words=command.words,
                not_read=command.not_read,
                image=command.image,
                gpus=slurm.gpus or len(listed or ()) or None,
                gpus_line=slurm.line,
                gpu_names=node.names,
                gpu_fault=node.fault,
                machine=file if _runs_beside_others(text, words[0].line, before) else None,
                devices=visible_devices(
                    EVERY, {"CUDA_VISIBLE_DEVICES": chosen} if chosen is not None else {}
                ),
            )
        )
        before = words[-1].line
    seen += [f"script {name}"] if not found else []
    for number, server in enumerate(found, 1):
        title = server.name if len(found) == 1 else f"{server.name}, server {number}"
        seen.append(title)
        yield replace(server, name=title)


def _runs_beside_others(text: str, line: int, before: int) -> bool:
    """Whether the server before it runs on in the background, and not in another branch of the script."""
    if not before:
        return True
    between = "\n".join(text.splitlines()[before - 1 : line])
    is_elsewhere = re.search(r"^\s*(else|elif)\b|;;|\bkill\b|\bwait\b", between, re.MULTILINE)
    return (
        is_elsewhere is None
        and re.search(r"(?<![&>|])&(?![&>\d])|\brun\b.* (-d|--detach)\b", between) is not None
    )


def slurm_of(text: str) -> Slurm:
    """GPUs of the whole job: `--gres=gpu:h100:4` is per node, `--gpus` for the job."""
    nodes, count, name, line = 1, None, None, None
    is_per_node = True
    for option in _OPTION.finditer(text):
        key, value = option[1], option[2]
        if key in ("--nodes", "-N") and value.isdecimal():
            nodes = int(value)
        if key not in _GPU_OPTIONS:
            continue
        parts = [part for part in value.removeprefix("gpu").split("(")[0].split(":") if part]
        if key == "--gres" and not value.startswith("gpu"):
            continue
        number = next((part for part in parts if part.isdecimal()), None)
        kind = next((part for part in parts if not part.isdecimal()), None)
        count = int(number) if number is not None else count or 1
        name = kind or name
        line = text.count("\n", 0, option.start()) + 1
        is_per_node = key not in ("--gpus", "-G")
    return Slurm(None if count is None else count * (nodes if is_per_node else 1), line, name)
