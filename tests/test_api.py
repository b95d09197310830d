"""`vllm_costmeter.check` from Python, given what it should not be given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import vllm_costmeter
from vllm_costmeter.core.errors import BadInputError

LLAMA_8B = Path(__file__).resolve().parent / "data" / "models" / "meta-llama__Llama-3.1-8B-Instruct"


@pytest.mark.parametrize(
    "arguments",
    [
        {"gpu": 4090},
        {"gpu": ["RTX 4090"]},
        {"gpu_memory_gib": float("nan")},
        {"gpu_memory_gib": float("inf")},
        {"gpu_memory_gib": -1},
        {"gpu_memory_gib": 1e-300},
        {"gpu_memory_gib": "24"},
        {"max_model_len": "8k"},
        {"max_model_len": 8192.5},
        {"max_model_len": float("nan")},
        {"max_model_len": True},
        {"max_model_len": 10**30},
        {"tensor_parallel_size": "2"},
        {"tensor_parallel_size": 10**30},
        {"max_num_seqs": 0},
        {"kv_cache_memory_bytes": -5},
        {"gpu_memory_utilization": float("nan")},
        {"gpu_memory_utilization": 90},
        {"cpu_offload_gb": -1},
        {"dtype": 16},
        {"enforce_eager": "yes"},
        {"cudagraph_capture_sizes": [0]},
        {"cudagraph_capture_sizes": 8},
        {"limit_mm_per_prompt": {"image": -1}},
        {"speculative_config": {"method": "ngram", "num_speculative_tokens": "x"}},
        {"speculative_config": "ngram"},
        {"vllm_version": 0.32},
        {"max_modle_len": 8192},
    ],
    ids=str,
)
def test_an_argument_that_cannot_be_meant_is_bad_input(arguments: dict[str, Any]) -> None:
    """One error of ours, with what was given; no type error from within, and no search without end."""
    gpu = {} if {"gpu", "gpu_memory_gib"} & set(arguments) else {"gpu": "RTX 4090"}
    with pytest.raises(BadInputError) as raised:
        vllm_costmeter.check(LLAMA_8B, **gpu, **arguments)
    assert "\n" not in str(raised.value)


def test_a_list_of_capture_sizes_is_what_the_flag_takes() -> None:
    """As `--cudagraph-capture-sizes 1 2 4`."""
    fit = vllm_costmeter.check(
        LLAMA_8B, gpu="RTX 4090", max_model_len=8192, cudagraph_capture_sizes=[1, 2, 4]
    )
    assert fit.engine.max_cudagraph_capture_size == 4


def test_the_public_names_are_loaded_when_they_are_asked_for() -> None:
    """`import vllm_costmeter` costs every process of vLLM nothing; what a caller needs stands beside `check`."""
    listed = "import sys, vllm_costmeter; print([n for n in sys.modules if n.startswith('vllm_costmeter.')])"
    done = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert {"check", "Fit", "Gpu", "BadInputError", "NotUnderstoodError"} <= set(dir(vllm_costmeter))
    gpu = vllm_costmeter.Gpu("my GPU", 24 << 30)
    assert isinstance(vllm_costmeter.check(LLAMA_8B, gpu, max_model_len=8192), vllm_costmeter.Fit)
    assert issubclass(vllm_costmeter.BadInputError, ValueError)
    with pytest.raises(AttributeError, match="nothing"):
        vllm_costmeter.nothing  # noqa: B018
