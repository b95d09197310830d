"""Update the lines of a file in tests/data with answers of the installed vLLM, for a fake H100."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from vllm_costmeter.plugin.exact import ExactAnswer, ExactRequest, ExactUnavailableError, VllmWorker

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
HOPPER = (9, 0)
WORKER = (sys.executable, "-m", "scripts.answers.remote_configs")

Line = dict[str, Any]


class Vllm:
    """The installed vLLM on a GPU of one compute capability; a worker that dies on a request is replaced."""

    def __init__(self, compute_capability: tuple[int, int] = HOPPER) -> None:
        self._compute_capability = compute_capability
        self._worker = VllmWorker(worker=WORKER)

    def ask(
        self,
        config: Mapping[str, Any],
        arguments: Mapping[str, Any],
        *,
        lengths: tuple[int, ...] = (),
        **others: Any,
    ) -> ExactAnswer:
        """vLLM's answer for a config.json with these engine arguments; `others` are fields of `ExactRequest`.
        ExactUnavailableError if it refuses."""
        request = ExactRequest(
            config=config,
            gpu_name="NVIDIA H100 80GB HBM3",
            gpu_memory_bytes=round(79.19 * 2**30),
            compute_capability=self._compute_capability,
            engine_arguments=arguments,
            lengths=lengths,
            **others,
        )
        if not self._worker.is_alive:
            self._worker = VllmWorker(worker=WORKER)
        return self._worker.ask(request)

    def weights_bytes(self, config: Mapping[str, Any], **arguments: Any) -> int | str:
        """Bytes on the first pipeline rank, or one line on why vLLM refuses."""
        try:
            return self.ask(config, arguments).counts.weights_bytes[0]
        except ExactUnavailableError as why:
            return str(why)

    def close(self) -> None:
        self._worker.close()


def renew(
    file: str,
    names: Collection[str],
    answer: Callable[[Vllm, Line], Mapping[str, Any]],
    *,
    name_of: Callable[[Line], str] = lambda line: str(line["name"]),
) -> None:
    """Update each line with one of the names, or all lines, with the fields that `answer` returns. A line's
    `compute_capability`, if any, is that of the GPU."""
    lines = [json.loads(line) for line in (DATA / file).read_text().splitlines()]
    asked = [line for line in lines if not names or name_of(line) in names]
    for capability in dict.fromkeys(map(_capability, asked)):
        vllm = Vllm(capability)  # a worker's GPU is set once
        try:
            for line in asked:
                if _capability(line) == capability:
                    print(name_of(line), flush=True)
                    line.update(answer(vllm, line))
        finally:
            vllm.close()
    (DATA / file).write_text("".join(json.dumps(line) + "\n" for line in lines))


def _capability(line: Line) -> tuple[int, int]:
    major, minor = line.get("compute_capability", HOPPER)
    return major, minor
