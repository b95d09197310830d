"""The worker process: one JSON request per line on standard input, one JSON result per line on standard output.

Nothing else reaches standard output: vLLM's own output is discarded. The first request determines the GPU.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from vllm_costmeter.plugin.exact.messages import ExactAnswer, ExactRequest, NotAskableError

LONGEST_REASON = 300


def main() -> None:
    """Process requests until standard input ends."""
    silence = os.open(os.devnull, os.O_WRONLY)
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        ask = None
        for line in sys.stdin:
            request = ExactRequest.from_json(json.loads(line))
            try:
                ask = ask or _start(request)
                reply: dict[str, Any] = {"answer": ask(request).to_json()}
            except Exception as why:  # noqa: BLE001 - whatever vLLM raises becomes one line, and the tables answer
                reply = {"unavailable": _one_line(why)}
            answers.write(json.dumps(reply) + "\n")
            answers.flush()


def _start(request: ExactRequest) -> Callable[[ExactRequest], ExactAnswer]:
    """Prepare this process for the request's GPU and import vLLM, once."""
    from vllm_costmeter.plugin.exact.fakes.fake_gpu import PretendedGpu, tell_torch, tell_triton, tell_vllm
    from vllm_costmeter.plugin.exact.fakes.stub_modules import admit_flash_attention_4, stand_in
    from vllm_costmeter.plugin.exact.fakes.stub_processor import stand_in_for_missing_image_processors
    from vllm_costmeter.plugin.exact.fakes.stub_tokenizer import stand_in_for_missing_tokenizers

    gpu = PretendedGpu(request.gpu_name, request.gpu_memory_bytes, request.compute_capability)
    tell_torch(gpu)
    tell_triton(gpu)
    stand_in()
    tell_vllm(gpu)
    admit_flash_attention_4()
    from vllm.model_executor.models import registry

    from vllm_costmeter.plugin.exact.answer import answer

    stand_in_for_missing_tokenizers()
    stand_in_for_missing_image_processors()
    registry._run_in_subprocess = lambda inspect: inspect()
    return lambda asked: answer(asked, gpu)


def _one_line(why: Exception) -> str:
    """The error in one line; of pydantic's long form only vLLM's own sentence, without its list of all models."""
    text = " ".join(str(why).split())
    own = text.partition("Value error, ")[2].partition(" [type=")[0]
    text = (own or text).partition(" Supported architectures:")[0][:LONGEST_REASON]
    return text if own or isinstance(why, NotAskableError) else f"{type(why).__name__}: {text}"


if __name__ == "__main__":
    main()
