"""vLLM's own `vllm bench serve`, kept alive: one run per line of standard input (`URL SEED`), one JSON line for each.

Started anew it costs seconds of processor time before its first request; here that is paid once.
"""

from __future__ import annotations

import contextlib
import json
import sys

from vllm.benchmarks.serve import add_cli_args, main
from vllm.utils.argparse_utils import FlexibleArgumentParser


def run_all(flags: list[str]) -> None:
    """Drive each server that is named until the input ends."""
    parser = FlexibleArgumentParser()
    add_cli_args(parser)
    for line in sys.stdin:
        url, seed = line.split()
        with contextlib.redirect_stdout(sys.stderr):
            measured = main(parser.parse_args(["--base-url", url, "--seed", seed, *flags]))
        print(json.dumps({key: measured[key] for key in ("total_token_throughput", "completed")}), flush=True)


if __name__ == "__main__":
    run_all(sys.argv[1:])
