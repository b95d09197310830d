"""The plugin in a server without vLLM: calls it as vLLM does, second by second, and notes whatever leaves it."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from server_config import configured
from vllm_stats_traffic import steps_on_record

from vllm_costmeter.core.gpu.reading import GpuReading, GpuReadings
from vllm_costmeter.metering.budget_keeper import BudgetKeeper
from vllm_costmeter.outputs.metrics.collector import LatestCollector
from vllm_costmeter.outputs.metrics.prometheus import REGISTRY, CollectorRegistry, MultiProcessCollector
from vllm_costmeter.plugin.activation import RESOLVED

STEPS = steps_on_record("0.33")
STEPS[1][1].perf_stats = SimpleNamespace(
    num_flops_per_gpu=10**9, num_read_bytes_per_gpu=10**9, num_write_bytes_per_gpu=10**6
)
STEPS[1][1].spec_decoding_stats = SimpleNamespace(num_draft_tokens=4, num_accepted_tokens=1)
LAST_TOKENS = 11


class EstimatesAtHand:
    """vLLM's estimate of a model's work: in `vllm.v1.metrics.perf` both its ModelMetrics and, because a step is told by
    (tokens, context, whether they are a prompt), its ExecutionContext."""

    def __init__(self, vllm_config: Any) -> None:
        self.is_enabled = lambda: True

    @staticmethod
    def from_single_request(tokens: int, context: int, is_prefill: bool) -> int:
        return tokens

    def get_num_flops(self, tokens: int) -> int:
        return tokens * 10**6

    get_read_bytes = get_write_bytes = get_num_flops


class GpuAtHand:
    """A GPU whose driver answers at once; its energy counter runs."""

    def __init__(self) -> None:
        self._joules = 0.0

    def latest(self) -> GpuReadings:
        self._joules += 300.0
        name = "NVIDIA H100 80GB HBM3"
        reading = GpuReading(
            "0", 0, "GPU-1", name, 85_000_000_000, 60_000_000_000, energy_joules=self._joules
        )
        return GpuReadings(True, (reading,), self._joules / 300)


def vllm_config(model: Path, rank: int, processes: int) -> Any:
    """What the plugin reads of vLLM's configuration, for a small model on one GPU."""
    parallel = {
        "world_size": 1,
        "tensor_parallel_size": 1,
        "pipeline_parallel_size": 1,
        "data_parallel_size": 1,
        "data_parallel_size_local": 1,
        "nnodes": 1,
        "_api_process_rank": rank,
        "_api_process_count": processes,
    }
    return configured(
        parallel_config=parallel,
        model_config={"served_model_name": "tiny", "model": str(model), "dtype": "float32"},
        cache_config={"kv_cache_size_tokens": 100_000, "cache_dtype": "auto"},
        scheduler_config={"max_num_batched_tokens": 2048},
        device_config={"device_type": "cuda"},
        observability_config={"enable_mfu_metrics": True},
    )


class HookedServer:
    """One API server process. `run` lives through a few seconds with the meter's thread inlined: whenever the sampler
    waits, the next second of the server's life happens. A fault belongs into the first of them."""

    def __init__(
        self,
        logger_class: type,
        model: Path,
        directory: Path | None,
        rank: int = 0,
        exchange: Callable[[], None] = lambda: None,
    ) -> None:
        """`exchange`: what its clients do in the first second."""
        self._logger_class = logger_class
        self._config = vllm_config(model, rank, 1 if directory is None else 2)
        self._directory = directory
        self._rank = rank
        self._exchange = exchange
        self._logger: Any = None
        self._seconds = [self._busy, self._asleep, self._awake, self._quiet, self._last]
        self._ends: list[Callable[[], object]] = []
        self.escaped: list[BaseException] = []
        """What left the plugin on vLLM's side of a call."""
        self.status: list[object] = []
        self.ended = False
        """Whether the sampler lived to the end."""
        self.before: dict[str, float] = {}
        """The page after the quiet second, when every fault is over."""
        self.after: dict[str, float] = {}

    def run(self, threading_stand_in: Any) -> None:
        """From the start of the server to the end of its last second."""
        os.environ.pop(RESOLVED, None)
        threading_stand_in.begin(self)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(atexit, "register", self._ends.append)
            patch.setattr(BudgetKeeper, "start", _read_once)
            self._call(self._start)
            if threading_stand_in.target is not None:
                threading_stand_in.target()
                self.ended = not self._seconds
        self.after = self.page()

    def clean_up(self) -> None:
        """The end of the process: what is kept for it is done, and registry and directory are as they were."""
        for end in reversed(self._ends):
            end()
        for collector in list(REGISTRY._collector_to_names):
            if isinstance(collector, LatestCollector):
                collector.unregister()
        for file in self._directory.iterdir() if self._directory else ():
            file.unlink()

    def next_second(self) -> bool:
        """Lives through one more second; False where there was none left."""
        if not self._seconds:
            return False
        self._seconds.pop(0)()
        return True

    def page(self) -> dict[str, float]:
        """The sums of our metrics as a scrape shows them."""
        registry = REGISTRY
        if self._directory is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, str(self._directory))  # type: ignore[no-untyped-call]
        found: dict[str, float] = {}
        for family in registry.collect():
            for sample in family.samples:
                if sample.name.startswith("costmeter_"):
                    kind = sample.labels.get("kind", "")
                    found[sample.name + kind] = found.get(sample.name + kind, 0.0) + sample.value
        return found

    def _start(self) -> None:
        self._logger = self._logger_class(self._config, [0])
        self._logger.log_engine_initialized()

    def _busy(self) -> None:
        for _, scheduler, iteration in STEPS[:3]:
            self._record(scheduler, iteration)
        self._call(self._exchange)
        self._call(self.page)

    def _asleep(self) -> None:
        self._record(*STEPS[3][1:])
        self._call(lambda: self._logger.record_sleep_state(1, 1))
        self._call(self.page)

    def _awake(self) -> None:
        self._call(lambda: self._logger.record_sleep_state(0, 0))
        self._record(*STEPS[0][1:])
        self._record(*STEPS[3][1:])
        self._call(self.page)

    def _quiet(self) -> None:
        """Nothing happens; the tick before and after it put right what a fault has left."""

    def _last(self) -> None:
        self.before = self.page()
        prompt = SimpleNamespace(computed=0, cached_tokens=0)
        step = SimpleNamespace(
            num_generation_tokens=LAST_TOKENS,
            prompt_token_stats=prompt,
            time_to_first_tokens_iter=[],
            finished_requests=[],
            iteration_timestamp=2000.0,
        )
        scheduler = SimpleNamespace(
            num_running_reqs=1,
            kv_cache_usage=0.1,
            running_lora_adapters={},
            spec_decoding_stats=None,
            perf_stats=None,
        )
        self._record(scheduler, step)

    def _record(self, scheduler: Any, iteration: Any) -> None:
        self._call(lambda: self._logger.record(scheduler, iteration, engine_idx=0))

    def _call(self, call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as fault:  # noqa: BLE001 (the point)
            self.escaped.append(fault)


def _read_once(keeper: BudgetKeeper) -> None:
    """On a thread that is over before the first second, whatever else the machine does."""
    reading = threading.Thread(target=keeper.read)
    reading.start()
    reading.join()


class OneThread:
    """Stands for `threading` in the sampler: its thread runs when it is told to, its waits are the server's life."""

    current_thread = staticmethod(threading.current_thread)

    def __init__(self) -> None:
        self._server: HookedServer | None = None
        self.target: Callable[[], None] | None = None

    def begin(self, server: HookedServer) -> None:
        self._server, self.target = server, None

    def Event(self) -> Any:
        ended: list[bool] = []

        def wait(seconds: float) -> None:
            if self._server is None or not self._server.next_second():
                ended.append(True)

        return SimpleNamespace(is_set=lambda: bool(ended), set=lambda: ended.append(True), wait=wait)

    def Thread(self, *, target: Callable[[], None], name: str, daemon: bool) -> Any:
        return SimpleNamespace(start=lambda: setattr(self, "target", target), is_alive=lambda: False)
