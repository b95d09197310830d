"""The fit check inside `vllm serve`: it refuses before anything is loaded, warns, or stays out."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import nvml_stand_in
import pytest
from harness import METERED, ROOT
from nvml_stand_in import Mood
from required_tool import required_tool
from server_slots import ServerSlots

from scripts.servers.vllm_server import VLLM, end_of, environment, running

pytestmark = pytest.mark.heavy

ENGINE_STARTS = "Initializing a V1 LLM engine"  # the first line of vLLM's engine process


@pytest.fixture(scope="module")
def llama_8b(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the config of an 8B and no weights at all: whoever reads them fails."""
    folder = tmp_path_factory.mktemp("llama-8b")
    shutil.copy(ROOT / "examples" / "models" / "llama-3.1-8b" / "config.json", folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_model / name, folder)
    return folder


def command(model: Path, *flags: str) -> list[str]:
    """An 8B at its full length on a GPU of 24 GB, where the weights fit and the KV cache does not."""
    gpu = ("--costmeter-gpu", "RTX 4090", "--max-model-len", "131072")
    return [str(VLLM), "serve", str(model), *METERED, *gpu, *flags]


@pytest.fixture(scope="module")
def refused(llama_8b: Path) -> subprocess.CompletedProcess[str]:
    """The start that cannot be."""
    return subprocess.run(
        command(llama_8b), env=environment(), capture_output=True, text=True, timeout=240, check=False
    )


def test_what_cannot_fit_is_refused_before_anything_is_loaded(
    refused: subprocess.CompletedProcess[str],
) -> None:
    """The refusal says what was needed, what there is and the length that fits, with no traceback and no engine."""
    said = refused.stdout + refused.stderr
    assert refused.returncode == 1, said
    assert re.search(r"--max-model-len \d+", said)
    assert "GiB" in said
    assert "Traceback" not in said
    assert ENGINE_STARTS not in said


def test_a_full_temporary_directory_changes_nothing_about_it(llama_8b: Path, tmp_path: Path) -> None:
    """The refusal is not written anywhere, so it does not depend on a disk."""
    one_page_left = (
        "head -c 60K /dev/zero > $0/filling"  # Python takes no directory in which nothing can be written
    )
    disk = f'mount -t tmpfs -o size=64k none $0 && {one_page_left} && TMPDIR=$0 exec "$@"'
    refused = subprocess.run(
        [required_tool("unshare"), "-rm", "sh", "-c", disk, str(tmp_path), *command(llama_8b)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    said = refused.stdout + refused.stderr
    if "mount: " in said or "unshare: " in said:
        pytest.skip(f"this machine lets nobody mount a small disk: {said.strip()}")
    assert refused.returncode == 1, said
    assert "costmeter: refused: " in said
    assert ENGINE_STARTS not in said


def test_the_length_it_suggests_is_let_through(
    refused: subprocess.CompletedProcess[str], llama_8b: Path, tmp_path: Path, slots: ServerSlots
) -> None:
    """The same command with the suggested --max-model-len passes the check and starts the engine."""
    suggested = re.search(r"--max-model-len (\d+)", refused.stdout + refused.stderr)
    assert suggested
    with slots.one():
        assert engine_starts([*command(llama_8b), "--max-model-len", suggested.group(1)], tmp_path / "log")


@pytest.mark.parametrize(("mode", "is_said"), [("warn", True), ("off", False)])
def test_warn_says_so_and_off_says_nothing(
    llama_8b: Path, tmp_path: Path, slots: ServerSlots, mode: str, is_said: bool
) -> None:
    """Both let vLLM start; only `warn` names the length that would fit."""
    log = tmp_path / "log"
    with slots.one():
        assert engine_starts([*command(llama_8b), "--costmeter-preflight", mode], log)
    assert bool(re.search(r"--max-model-len \d+", log.read_text())) == is_said


def test_who_holds_the_memory_of_the_gpu_is_named(tiny_model: Path, tmp_path: Path) -> None:
    """On a GPU where another process holds the memory that vLLM would take, the refusal gives its name, id and GiB;
    the same from `costmeter check` with this machine's GPUs."""
    required_tool("gcc")
    mood = Mood(tmp_path / "mood")
    mood.set(gpus=1, used0_mib=20 * 1024, processes0=f"4242:{20 << 30},self:{1 << 30}")
    mood.set(name_of4242="VLLM::EngineCore")
    library = nvml_stand_in.build(tmp_path)
    env = environment({"LD_LIBRARY_PATH": str(library), nvml_stand_in.CONTROL_VARIABLE: str(mood.file)})
    for words in (
        [str(VLLM), "serve", str(tiny_model), *METERED],
        [str(VLLM.with_name("costmeter")), "check", str(tiny_model)],
    ):
        refused = subprocess.run(words, env=env, capture_output=True, text=True, timeout=240, check=False)
        said = " ".join((refused.stdout + refused.stderr).split())
        assert refused.returncode == 1, said
        assert "GPU 0 is used by VLLM::EngineCore (pid 4242) 20.00 GiB" in said
        assert "1.00 GiB" not in said  # its own
        assert "Traceback" not in said
        assert ENGINE_STARTS not in said


def engine_starts(arguments: list[str], log: Path) -> bool:
    """Whether vLLM gets past the check to its engine, which then finds no weights; it is stopped there."""
    with running(arguments, log, environment()) as process:
        deadline = time.monotonic() + 120
        while ENGINE_STARTS not in log.read_text() and process.poll() is None:
            assert time.monotonic() < deadline, end_of(log)
            time.sleep(0.3)
    return ENGINE_STARTS in log.read_text()
