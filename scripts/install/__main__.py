"""Make `.venv` with this package and a real vLLM: `python3 -m scripts.install [--with-tests]`. Standard library only.

Running it again takes under a second; an interrupted run resumes where it stopped; two runs at once wait for each
other. The output of pip goes to `build/install/install.log`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.install import recipe, system_packages
from scripts.install.environment import make_or_repair
from scripts.install.pip_command import keep_downloads, pip_install
from scripts.install.progress import StepFailedError, Ticker, run_step
from scripts.install.room import require_room
from scripts.install.vllm_build import install_vllm

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
WORK = ROOT / "build" / "install"
STAMP = VENV / "costmeter-installed"
TOOK = "about 2.5 minutes on two busy cores"  # measured 2026-11, 1 minute of it CPU time


def main() -> None:
    """Install what is missing."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    WORK.mkdir(parents=True, exist_ok=True)
    with only_one_at_a_time(WORK / "lock"):
        install()
        if "--with-tests" in sys.argv[1:]:
            system_packages.install_missing(WORK / "install.log")


def install() -> None:
    """Install `.venv` according to the recipe; nothing to do if the stamp matches."""
    wanted = recipe.choose()
    stamp = wanted.stamp(ROOT)
    if (VENV / "bin" / "vllm").exists() and STAMP.exists() and STAMP.read_text() == stamp:
        compile_package()
        return
    log = WORK / "install.log"
    first_time = not VENV.exists()
    if first_time:
        require_room(ROOT, wanted.disk_bytes)
    print(
        f"Installing the {wanted.build.upper()} build of vLLM and the package into {VENV}\n"
        f"  ({wanted.costs}; {TOOK}; pip's output is in {log})",
        flush=True,
    )
    STAMP.unlink(missing_ok=True)
    make_or_repair(VENV, log)
    install_vllm(wanted, VENV, WORK, log)
    run_step("installing vllm-costmeter", [*pip_install(VENV), "--editable", f"{ROOT}[dev]"], log)
    compile_package()
    STAMP.write_text(stamp)


def compile_package() -> None:
    """Compile the package, as pip does for a wheel: otherwise every `costmeter check` compiles 150 files."""
    package = ROOT / "vllm_costmeter"
    subprocess.run([VENV / "bin" / "python", "-m", "compileall", "-q", package], check=False)


@contextlib.contextmanager
def only_one_at_a_time(lock: Path) -> Iterator[None]:
    """Wait until no other install runs in this checkout. The kernel releases the lock whatever happens to us, and to
    the pip that we may have started: it inherits the lock, and works on where we alone are killed."""
    with lock.open("w") as held:
        os.set_inheritable(held.fileno(), True)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            wait_for(held.fileno())
        yield


def wait_for(descriptor: int) -> None:
    """Take the lock as soon as the other install releases it."""
    ticker = Ticker("waiting for another install in this checkout")
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            ticker.tick()
            time.sleep(0.5)
        else:
            ticker.done()
            return


if __name__ == "__main__":
    keep_downloads(WORK / "downloads")
    try:
        main()
    except StepFailedError as failure:
        sys.exit(f"{failure}\nRun the same command again to resume.")
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same command again to resume")
