"""Deployment files: Kubernetes, Compose, systemd, Slurm, scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scripts.fuzz.reader import ROOT, Reader, text_of
from vllm_costmeter.sources.manifests.beside import Beside
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.manifests.read import reading
from vllm_costmeter.sources.manifests.server import settled_words
from vllm_costmeter.sources.shell.env_file import env_file_values
from vllm_costmeter.sources.shell.started import run_command, servers_started

GIVEN = {"LEN": "4096", "TP": "2", "GPUS": "4", "i": "0"}


def _file(name: str) -> Callable[[bytes, Path], None]:
    def read(data: bytes, folder: Path) -> None:
        for server in reading(data, str(folder / name), Beside(GIVEN)).servers:
            settled_words(server)

    return read


def _command(data: bytes, folder: Path) -> None:
    words = [Word(text, 1) for text in ("bash", "-c", text_of(data), "script", "m")]
    servers_started(run_command(words, GIVEN, {}))


def _env_file(data: bytes, folder: Path) -> None:
    for has_quotes in (False, True):
        env_file_values(text_of(data), has_quotes=has_quotes)


def _commands() -> list[bytes]:
    lines = (ROOT / "tests/data/vllm_cli/recipes.txt").read_bytes().splitlines()[2::40]
    return [b"\n".join(b"vllm serve " + line for line in lines[:40])]


SEEDS = "scripts/fuzz/seeds"
SCRIPTS = (f"{SEEDS}/shell/*", "examples/*.sh")
YAML = (
    "sources/manifests/yaml_tree.py",
    "sources/manifests/read.py",
    "sources/manifests/config_maps.py",
    "sources/manifests/compose_project.py",
    "sources/manifests/container_paths.py",
)
SHELL = ("sources/shell/syntax.py", "sources/shell/typed.py")
MANIFESTS = (
    f"{SEEDS}/kubernetes/*",
    "grafana/kubernetes/[!d]*.yaml",
)  # dashboards are long, and run no other line
COMPOSE = (f"{SEEDS}/compose/*", "grafana/docker-compose.yml")
DEPLOYMENTS = (
    Reader("kubernetes", "Kubernetes manifests (YAML)", _file("x.yaml"), MANIFESTS, parses=YAML),
    Reader("compose", "Compose files", _file("compose.yaml"), COMPOSE),
    Reader("unit", "systemd units", _file("vllm.service")),
    Reader("batch", "Slurm batch files", _file("vllm.sbatch"), SCRIPTS),
    Reader("shell", "shell scripts and commands", _command, SCRIPTS, _commands, SHELL),
    Reader("env-file", "files of environment variables", _env_file),
)
