"""Ask the installed vLLM in a separate process: the caller imports nothing heavy and no CUDA context remains."""

from __future__ import annotations

import importlib.util
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType

from vllm_costmeter.plugin import activation
from vllm_costmeter.plugin.exact.ending import how_it_ended
from vllm_costmeter.plugin.exact.messages import ExactAnswer, ExactRequest
from vllm_costmeter.plugin.starting.own_folder import OwnFolder

TIME_LIMIT_SECONDS = 120.0
LONGEST_ANSWER_BYTES = 4 << 20
WORKER = (sys.executable, "-m", "vllm_costmeter.plugin.exact")

_QUIET_AND_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",
}


class ExactUnavailableError(Exception):
    """The installed vLLM could not be asked; the message is the reason in one line, and our tables are used instead."""


def ask_vllm(
    request: ExactRequest,
    *,
    time_limit_seconds: float = TIME_LIMIT_SECONDS,
    worker: Sequence[str] = WORKER,
    environ: Mapping[str, str] = os.environ,
) -> ExactAnswer:
    """The installed vLLM's own count of weights and KV cache for one deployment, about 10 seconds.

    Nothing is downloaded, and only the configuration of the checkpoint is read.
    ExactUnavailableError: no vLLM here, its internals have moved, it refuses the model, or time ran out.
    """
    with VllmWorker(time_limit_seconds=time_limit_seconds, worker=worker, environ=environ) as process:
        return process.ask(request)


class VllmWorker:
    """The process that runs vLLM; it processes several requests for one GPU, the later ones much faster than the
    first."""

    def __init__(
        self,
        *,
        time_limit_seconds: float = TIME_LIMIT_SECONDS,
        worker: Sequence[str] = WORKER,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        if worker is WORKER and importlib.util.find_spec("vllm") is None:
            raise ExactUnavailableError("vLLM is not installed")
        self._time_limit_seconds = time_limit_seconds
        try:
            # for what vLLM writes: its process is killed in the end and removes nothing
            self._folder = OwnFolder()
            self._process = subprocess.Popen(
                worker,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(environ) | {"TMPDIR": str(self._folder.path)},
                start_new_session=True,  # so that whatever vLLM starts can be ended with it
            )
        except OSError as why:
            raise ExactUnavailableError(f"vLLM's process cannot be started: {why.strerror or why}") from None

    def __enter__(self) -> VllmWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process's id, which stays its own until `close`."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """False once the process has ended, by itself or by its time limit."""
        return self._process.poll() is None

    def ask(self, request: ExactRequest) -> ExactAnswer:
        """One answer. ExactUnavailableError as in `ask_vllm`; after a time-out the worker is gone."""
        reply = json.loads(self._exchange(json.dumps(request.to_json()).encode() + b"\n"))
        if "unavailable" in reply:
            raise ExactUnavailableError(str(reply["unavailable"]))
        return ExactAnswer.from_json(reply["answer"])

    def close(self) -> None:
        """Stop the process and everything it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._process.wait()
        self._folder.remove()

    def _exchange(self, line: bytes) -> bytes:
        process = self._process
        assert process.stdin is not None  # both pipes were asked for
        assert process.stdout is not None
        deadline = time.monotonic() + self._time_limit_seconds
        with suppress(BrokenPipeError):
            process.stdin.write(line)
            process.stdin.flush()
        answer = b""
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            while not answer.endswith(b"\n"):
                left = deadline - time.monotonic()
                if left <= 0 or not ready.select(left):
                    raise self._out_of_time()
                part = os.read(process.stdout.fileno(), 65536)
                if not part:
                    try:
                        status = process.wait(max(deadline - time.monotonic(), 0.0))
                    except subprocess.TimeoutExpired:  # it closed its output and stayed
                        raise self._out_of_time() from None
                    raise ExactUnavailableError(f"vLLM's process {how_it_ended(status)}")
                answer += part
                if len(answer) > LONGEST_ANSWER_BYTES:
                    self.close()
                    raise ExactUnavailableError("vLLM's result is implausibly long")
        return answer

    def _out_of_time(self) -> ExactUnavailableError:
        self.close()
        return ExactUnavailableError(f"vLLM gave no result within {self._time_limit_seconds:.0f} seconds")


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment, quiet and offline, in which our own plugin stays off: the worker must not check the
    deployment it is asked about."""
    own = (activation.REQUESTED, activation.FLAGS, activation.RESOLVED)
    kept = {name: value for name, value in environ.items() if name not in own}
    if "VLLM_PLUGINS" in kept:
        names = kept["VLLM_PLUGINS"].split(",")
        kept["VLLM_PLUGINS"] = ",".join(name for name in names if name.strip() != activation.NAME)
    return kept | _QUIET_AND_OFFLINE
