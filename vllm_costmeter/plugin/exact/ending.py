"""How a process ended, in words: its exit code, or the signal that ended it and that signal's most likely meaning."""

from __future__ import annotations

import signal

MEANINGS = {
    signal.SIGILL: "this CPU lacks an instruction that a compiled module needs",
    signal.SIGSEGV: "a compiled module crashed (invalid memory access)",
    signal.SIGABRT: "a compiled module aborted on an internal error",
    signal.SIGFPE: "a compiled module crashed (division by zero)",
    signal.SIGBUS: "a mapped file could not be read or grown: is a disk or /dev/shm full?",
    signal.SIGKILL: "most likely this machine or container ran out of memory",
    signal.SIGXCPU: "its CPU time limit was reached (ulimit -t)",
    signal.SIGXFSZ: "its file size limit was reached (ulimit -f)",
    signal.SIGSYS: "a sandbox forbids a system call that it needs",
    signal.SIGTERM: "another process asked it to exit",
    signal.SIGHUP: "another process asked it to exit",
    signal.SIGINT: "it was interrupted from outside",
}
"""signal(7) of Linux, read on 2026-11-28; SIGKILL is also what the kernel sends to what it ends for memory."""


def how_it_ended(returncode: int) -> str:
    """`exited with code 7 and no result`, or `was ended by SIGILL: its meaning`, from a `returncode` of subprocess,
    which is negative for a signal."""
    if returncode >= 0:
        return f"exited with code {returncode} and no result"
    number = -returncode
    try:
        name = signal.Signals(number)
    except ValueError:
        return f"was ended by signal {number}"
    meaning = MEANINGS.get(name)
    return f"was ended by {name.name}" + (f": {meaning}" if meaning else "")
