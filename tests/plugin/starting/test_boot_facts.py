"""What workers found at boot meets what the check predicted."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from example_models import llama

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.plugin.activation import BOOT_FOLDER
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.starting import boot_facts, worker_report
from vllm_costmeter.sources.files.calibration import recall

CARD = GpuGroup("NVIDIA GeForce RTX 4090", 25_383_000_000, source="nvml", compute_capability=(8, 9))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(BOOT_FOLDER, str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_several_workers_are_told_as_vllm_plans(folder: Path) -> None:
    """Of several workers the fullest one's weights and the smallest KV cache count."""
    (folder / "1.json").write_text(json.dumps({"weights": 5, "kv_cache": 7}))
    (folder / "2.json").write_text(json.dumps({"weights": 6, "kv_cache": 9}))
    assert boot_facts.actual_bytes(2) == {"weights": 6, "kv_cache": 7}


@dataclass
class Tensor:
    values: int

    def numel(self) -> int:
        return self.values

    def element_size(self) -> int:
        return 2


def runner(*sizes: int, measured: int | None = None) -> Any:
    """A model runner as vLLM has it, with parameters of these sizes."""
    model = SimpleNamespace(parameters=lambda: iter([Tensor(size) for size in sizes]))
    return SimpleNamespace(model=model, model_memory_usage=measured)


def test_weights_are_what_the_gpu_lost_or_the_parameters_bytes() -> None:
    """Measured where vLLM measures, added up where it does not."""
    assert worker_report.weights_bytes(runner(10, 20, measured=77)) == 77
    assert worker_report.weights_bytes(runner(10, 20)) == 60


def test_repacked_weights_are_not_known() -> None:
    """vLLM's CPU kernels keep a copy of their own and empty the parameter: what is left is not the model."""
    assert worker_report.weights_bytes(runner(10, 0)) is None


def test_a_note_that_was_lost_costs_only_what_it_told(folder: Path) -> None:
    """Half a prediction, a report that is not ours and a worker that told nothing are each absent, never a guess: the
    worker may have been the fullest."""
    faults = FAULTS.counts().get("start", 0)
    (folder / "checked.pickle").write_bytes(pickle.dumps("x" * 100)[:50])
    assert boot_facts.checked() is None
    (folder / "1.json").write_text(json.dumps({"weights": 5, "kv_cache": 7}))
    assert boot_facts.actual_bytes(2) == {}
    (folder / "2.json").write_text(json.dumps({"kv_cache": 9}))
    assert boot_facts.actual_bytes(2) == {"kv_cache": 7}
    (folder / "3.json").write_text("{")
    assert boot_facts.actual_bytes(2) == {}
    assert FAULTS.counts()["start"] == faults + 3


def test_nothing_told_is_absent(folder: Path) -> None:
    """With no worker's report and no check there is no sample, not a zero."""
    assert boot_facts.preflight_bytes(boot_facts.checked(), boot_facts.actual_bytes(1)) == {}


def test_prediction_and_fact_stand_side_by_side(folder: Path) -> None:
    """The check's answer survives the way to another process and is shown beside the fact."""
    result = fit(llama(), CARD, EngineArgs(max_model_len=8192), NEWEST)
    boot_facts.hand_over(result)
    shown = boot_facts.preflight_bytes(boot_facts.checked(), {"kv_cache": 5 * GIB})
    assert result.per_gpu is not None
    assert shown["weights", "predicted"] == result.per_gpu.weights_bytes
    assert shown["kv_cache", "actual"] == 5 * GIB


def test_a_start_on_a_real_gpu_teaches_the_next_check(folder: Path) -> None:
    """A server's own boot is remembered, and the next check of the same deployment uses it and says so."""
    result = fit(llama(), CARD, EngineArgs(max_model_len=8192), NEWEST)
    assert result.per_gpu is not None
    pool = result.per_gpu.kv_cache_available_bytes - GIB // 2
    boot_facts.learn(result, {"kv_cache": pool}, "2026-11-22", on_cpu=False)
    again = fit(llama(), CARD, EngineArgs(max_model_len=8192), NEWEST, recall(CARD.name)[0])
    assert again.per_gpu is not None
    assert again.per_gpu.kv_cache_available_bytes == pool
    assert "calibration" in again.provenance.values()


def test_a_gpu_that_was_only_named_teaches_nothing(folder: Path) -> None:
    """What a CPU server had says nothing of the RTX 4090 it was checked against."""
    result = fit(llama(), replace(CARD, source="catalog"), EngineArgs(max_model_len=8192), NEWEST)
    boot_facts.learn(result, {"kv_cache": GIB}, "2026-11-22", on_cpu=True)
    assert recall(CARD.name)[0] == ()
    assert len(recall(CARD.name, on_cpu=True)[0]) == 1
    boot_facts.learn(result, {"kv_cache": GIB}, "2026-11-22", on_cpu=False)
    assert recall(CARD.name)[0] == ()
