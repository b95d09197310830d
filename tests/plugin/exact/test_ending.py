"""A vLLM that dies says in one line of what, so that nobody has to look up an exit status."""

from __future__ import annotations

import signal

import pytest

from vllm_costmeter.plugin.exact.ending import MEANINGS, how_it_ended


def test_an_illegal_instruction_is_the_cpus() -> None:
    """SIGILL is what a module compiled for newer CPUs ends with on an older one."""
    assert how_it_ended(-4) == (
        "was ended by SIGILL: this CPU lacks an instruction that a compiled module needs"
    )


def test_a_status_is_no_signal() -> None:
    """What a process returned itself is told as the number it is."""
    assert how_it_ended(7) == "exited with code 7 and no result"


@pytest.mark.parametrize("number", sorted(signal.valid_signals()))
def test_every_signal_has_its_name(number: signal.Signals | int) -> None:
    """Every signal is one short line with its name; only real-time signals between the first and the last have none."""
    told = how_it_ended(-int(number))
    name = number.name if isinstance(number, signal.Signals) else f"signal {number}"
    assert told.split(": ")[0] == f"was ended by {name}"
    assert len(told) < 100
    assert "\n" not in told


@pytest.mark.parametrize("crash", ["SIGILL", "SIGSEGV", "SIGABRT", "SIGFPE", "SIGBUS", "SIGKILL", "SIGSYS"])
def test_what_the_kernel_sends_is_explained(crash: str) -> None:
    """The signals that end a process for what it did, or for want of memory, are told with what they mean."""
    assert MEANINGS[signal.Signals[crash]] in how_it_ended(-signal.Signals[crash])
