"""The console script: from its first line on, Ctrl-C ends the command in silence, also while it still imports."""

from __future__ import annotations

import signal

INTERRUPTED = 130
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where a shell's `&` ignores it
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> int:
    """Exit code of the command; 130 after Ctrl-C."""
    from vllm_costmeter.cli.main import main as command

    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return command()
    except KeyboardInterrupt:
        return INTERRUPTED
