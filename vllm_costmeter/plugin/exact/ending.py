"""How a process ended, in words: its exit status, or the signal that ended it and what that signal most often means."""

from __future__ import annotations

import signal

MEANINGS = {
    signal.SIGILL: "this CPU lacks an instruction that a compiled module needs",
    signal.SIGSEGV: "a compiled module crashed (it touched memory that is not its own)",
    signal.SIGABRT: "a compiled module gave up on an error of its own",
    signal.SIGFPE: "a compiled module crashed (it divided by zero)",
    signal.SIGBUS: "a mapped file could not be read or grown: is a disk or /dev/shm full?",
    signal.SIGKILL: "most likely this machine or container ran out of memory",
    signal.SIGXCPU: "its limit of CPU time ran out (ulimit -t)",
    signal.SIGXFSZ: "its limit of file size was reached (ulimit -f)",
    signal.SIGSYS: "a sandbox forbids a system call that it needs",
    signal.SIGTERM: "something outside asked it to end",
    signal.SIGHUP: "something outside asked it to end",
    signal.SIGINT: "something outside interrupted it",
}
"""signal(7) of Linux, read on 2026-11-28; SIGKILL is also what the kernel sends to what it ends for memory."""


def how_it_ended(returncode: int) -> str:
    """`ended with status 7 and no answer`, or `was ended by SIGILL: what that means`: a `returncode` of subprocess,
    which is negative for a signal."""
    if returncode >= 0:
        return f"ended with status {returncode} and no answer"
    number = -returncode
    try:
        name = signal.Signals(number)
    except ValueError:
        return f"was ended by signal {number}"
    meaning = MEANINGS.get(name)
    return f"was ended by {name.name}" + (f": {meaning}" if meaning else "")
