"""The `costmeter` command itself: finding subcommands, faults in one line, exit codes."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from vllm_costmeter import __version__
from vllm_costmeter.cli import main as command
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError

COSTMETER = f"{shlex.quote(sys.executable)} -m vllm_costmeter.cli.main"
"""As a shell's words."""


def stand_in(monkeypatch: pytest.MonkeyPatch, fault: BaseException | None) -> None:
    """A command `stand-in` that raises `fault`, or succeeds."""
    module = ModuleType("costmeter_stand_in")

    def run(args: object) -> int:
        if fault is not None:
            raise fault
        return 0

    module.add_parser = lambda subparsers: subparsers.add_parser("stand-in")  # type: ignore[attr-defined]
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "costmeter_stand_in", module)
    monkeypatch.setattr(command, "COMMANDS", {"stand-in": ("costmeter_stand_in", "does nothing")})


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`costmeter --help` needs no command's module, and names all."""
    with pytest.raises(SystemExit) as stop:
        command.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert all(name in text and help_ in text for name, (_, help_) in command.COMMANDS.items())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`costmeter --version` is the package's."""
    with pytest.raises(SystemExit):
        command.main(["--version"])
    assert capsys.readouterr().out == f"costmeter {__version__}\n"


def test_no_command_is_bad_input_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing asked: the list of commands, exit 2."""
    assert command.main([]) == 2
    assert "commands:" in capsys.readouterr().out


def test_a_misspelt_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """One line on stderr."""
    assert command.main(["chekc"]) == 2
    assert capsys.readouterr().err == (
        "costmeter: unknown command 'chekc'; nearest: check; `costmeter --help` lists all\n"
    )


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        (NotUnderstoodError("never\nseen"), 3, "costmeter: never seen\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_faults_have_exit_codes_and_no_traceback(
    fault: BaseException,
    code: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not understood is 3, Ctrl-C is 130; several lines become one."""
    stand_in(monkeypatch, fault)
    assert command.main(["stand-in"]) == code
    assert capsys.readouterr().err == says


def test_a_closed_pipe_is_quiet() -> None:
    """`costmeter check ... | head -1` prints no traceback."""
    done = subprocess.run(
        f"{COSTMETER} --help | true",
        shell=True,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_is_one_line() -> None:
    """An answer that cannot be written is no traceback."""
    with Path("/dev/full").open("w") as full:
        command_line = [sys.executable, "-m", "vllm_costmeter.cli.main", "gpus"]
        done = subprocess.run(command_line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "costmeter: the output cannot be written: No space left on device\n"


def test_a_closed_output_leaves_the_exit_code() -> None:
    """`costmeter check ... >&-`: nobody reads the answer, and it is no fault."""
    command = f"{COSTMETER} gpus >&-"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_server_sent_moves_no_cursor(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """A fault is one line of plain text, whatever it quotes."""
    stand_in(monkeypatch, BadInputError("it said\n\x1b[2J\x07 h\u00f6chstens"))
    assert command.main(["stand-in"]) == 2
    assert capsys.readouterr().err == "costmeter: it said \\x1b[2J\\x07 h\u00f6chstens\n"
