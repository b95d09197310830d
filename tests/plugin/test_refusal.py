"""A refusal stands whatever cannot be read, written or computed between the verdict and the end of the process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from plugin.line_faults import Line, LineFaults
from plugin.refused_start import EngineArgs

import vllm_costmeter
from vllm_costmeter.plugin import activation
from vllm_costmeter.plugin.starting.preflight import CHECKED, Preflight

START = Path(__file__).with_name("refused_start.py")
SET_BY_THE_START = (CHECKED, activation.BOOT_FOLDER, activation.RESOLVED)

NO_FILE_CAN_BE_WRITTEN = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
TROUBLES = {
    "a full disk": NO_FILE_CAN_BE_WRITTEN,
    "no temporary folder": "import tempfile; tempfile.tempdir = '/nowhere'",
    "no home": "os.environ['HOME'] = '/nowhere'",
    "a home that is a file": "os.environ['HOME'] = __file__",
    "no home, no name, no rights": "os.environ.pop('HOME'); os.setgid(4242); os.setuid(4242)",
    "the working folder is gone": "os.mkdir(gone := os.environ['TMPDIR'] + '/gone'); os.chdir(gone); os.rmdir(gone)",
    "a standard error that is closed": "os.close(2)",
    "no standard error": "sys.stderr = None",
    "a log on a full disk": "os.dup2(os.open('/dev/full', os.O_WRONLY), 2)",
    "a log file that reached its limit": "os.dup2(os.open(os.environ['LOG'], os.O_WRONLY | os.O_CREAT), 2); "
    + NO_FILE_CAN_BE_WRITTEN,
}
CANNOT_BE_SAID = tuple(trouble for trouble in TROUBLES if "standard error" in trouble or "log" in trouble)


def started(trouble: str, tmp_path: Path, mode: str = "refuse") -> subprocess.CompletedProcess[str]:
    """The start of a 70B on an RTX 4090 as far as the check, with that trouble just before."""
    kept = {
        name: value for name, value in os.environ.items() if "COSTMETER" not in name and name[:4] != "XDG_"
    }
    kept |= {"PYTHONPATH": str(Path(vllm_costmeter.__file__).parents[1]), "TROUBLE": trouble}
    return subprocess.run(
        [sys.executable, str(START), mode],
        env={**kept, "LOG": str(tmp_path / "log"), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_cannot_fit_is_refused(trouble: str, tmp_path: Path) -> None:
    """The process ends with status 1, and says why where there is a place to say it."""
    if "setuid" in TROUBLES[trouble] and os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    done = started(TROUBLES[trouble], tmp_path)
    assert done.returncode == 1, done.stderr
    assert "the engine starts" not in done.stdout
    assert "Traceback" not in done.stderr
    assert "costmeter: refused: " in done.stdout + done.stderr or trouble in CANNOT_BE_SAID


def test_what_is_let_through_starts_without_the_note(tmp_path: Path) -> None:
    """Where the check only warns, a note that cannot be written is one line and costs what it would have told."""
    done = started(NO_FILE_CAN_BE_WRITTEN, tmp_path, "warn")
    assert done.stdout == "the engine starts\n"
    assert done.stderr.count("are not compared with the fit check: ") == 1
    assert "is skipped" not in done.stderr
    assert list(tmp_path.iterdir()) == []


AFTER_THE_VERDICT = (
    "outputs/check/text",
    "plugin/starting/boot_fo",
    "plugin/starting/boot_facts",
    "plugin/starting/own_folder",
    "plugin/starting/preflight",
)
BEFORE_IT = ("Preflight._fit", "Preflight._verdict", "serving_gpu", "Preflight.check", "_stop")
"""Up to the verdict, and where the process ends."""


def refused(at: Line | None) -> tuple[LineFaults, object]:
    """The lines that a refusal reaches, and the status the process ends with; None where it does not end."""
    with pytest.MonkeyPatch.context() as patch:
        for name in SET_BY_THE_START:
            patch.setenv(name, "")
            patch.delenv(name)
        flags = EngineArgs()
        preflight = Preflight(flags)
        faults = LineFaults(AFTER_THE_VERDICT, at)
        with faults.watching():
            try:
                preflight.check(flags.create_engine_config())
            except SystemExit as end:
                return faults, end.code
    return faults, None


def test_no_line_behind_the_verdict_lets_the_engine_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whichever line fails once the model is known not to fit: in finding what would fit, or in wording it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    healthy, status = refused(None)
    assert status == 1
    walked = 0
    for line, function in healthy.reached.items():
        if function in BEFORE_IT:
            continue
        faults, status = refused(line)
        walked += faults.fired
        assert status == 1, f"{Path(line[0]).name}:{line[1]} in {function}"
    assert walked >= 10
