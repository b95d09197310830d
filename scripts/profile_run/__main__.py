"""The worker process of the activation trial: a deployment per line in, what its profile run holds per line out.

It prepares itself as exact mode's worker does (`vllm_costmeter/plugin/exact/__main__.py`), and lets vLLM's own custom
operators run on tensors without memory.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

CARD = ("NVIDIA H100 80GB HBM3", round(79.19 * 2**30), (9, 0))  # the card of the boots


def main() -> None:
    """Answer until standard input ends; vLLM's own words go nowhere."""
    silence = os.open(os.devnull, os.O_WRONLY)
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        start = _start()
        for line in sys.stdin:
            try:
                reply = {"held": start(json.loads(line))}
            except Exception as why:  # noqa: BLE001 - whatever vLLM raises is the finding, in one line
                reply = {"unavailable": " ".join(f"{type(why).__name__}: {why}".split())[:200]}
            answers.write(json.dumps(reply) + "\n")
            answers.flush()


def _start() -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    from run_operators import let_operators_run

    from vllm_costmeter.plugin.exact.fakes.fake_gpu import PretendedCard, tell_torch, tell_triton, tell_vllm
    from vllm_costmeter.plugin.exact.fakes.stub_modules import admit_flash_attention_4, stand_in

    card = PretendedCard(*CARD)
    tell_torch(card)
    tell_triton(card)
    stand_in()
    tell_vllm(card)
    operators = let_operators_run()
    admit_flash_attention_4()
    from profile_run import profile_run
    from vllm.model_executor.models import registry

    registry._run_in_subprocess = lambda inspect: inspect()
    return lambda asked: profile_run(asked, card, operators)


if __name__ == "__main__":
    main()
