"""What `costmeter check` suggests, pasted behind the same command, is what it said."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vllm_costmeter.cli.main import main
from vllm_costmeter.core.fit.suggest import ORDER

MODELS = Path(__file__).resolve().parents[2] / "data" / "models"
LLAMA_8B = str(MODELS / "meta-llama__Llama-3.1-8B-Instruct")
GLM_5 = str(MODELS / "zai-org__GLM-5")

A_MODEL = st.sampled_from(sorted(str(folder) for folder in MODELS.iterdir() if folder.is_dir()))
A_CARD = st.sampled_from(
    [
        *(
            ("--gpu", name)
            for name in ("RTX 4090", "H100 SXM", "H100 SXM:8", "A100 80GB PCIe:2", "L4", "B200 SXM:8")
        ),
        ("--gpu-memory-gib", "79.19"),
        ("--gpu-memory-gib", "40"),
    ]
)
SOME_FLAGS = st.lists(
    st.sampled_from(
        [
            ("--tensor-parallel-size", "2"),
            ("--tensor-parallel-size", "3"),
            ("--tensor-parallel-size", "8"),
            ("--pipeline-parallel-size", "2"),
            ("--data-parallel-size", "2"),
            ("--max-num-seqs", "16"),
            ("--kv-cache-dtype", "fp8"),
            ("--kv-cache-memory-bytes", "20G"),
            ("--gpu-memory-utilization", "0.99"),
            ("--gpu-memory-utilization", "0.5"),
            ("--max-model-len", "8192"),
            ("--max-model-len", "10000000"),
            ("--block-size", "64"),
            ("--enforce-eager",),
            ("--vllm-version", "0.19.0"),
        ]
    ),
    max_size=2,
)


def answer(*words: str) -> dict[str, Any]:
    """The JSON answer; empty where the input is refused as bad."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        main(["check", *words, "--format", "json"])
    found: dict[str, Any] = json.loads(out.getvalue() or "{}")
    return found


@settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(A_MODEL, A_CARD, SOME_FLAGS)
def test_a_suggestion_that_is_pasted_is_what_it_said(
    model: str, gpu: tuple[str, ...], flags: list[tuple[str, ...]]
) -> None:
    """It fits, its length is the longest and one block more does not fit, and the least change comes first."""
    words = [model, *gpu, *(word for flag in flags for word in flag)]
    suggestions = answer(*words).get("suggestions", [])
    ranks = [ORDER.index(next(iter(each["change"]))) for each in suggestions]
    assert ranks == sorted(ranks)
    for each in suggestions:
        pasted = [*words, *shlex.split(each["arguments"])]
        tried = answer(*pasted)
        assert tried["verdict"] == each["verdict"] == "fits", each
        assert tried["max_model_len_that_fits"] == each["max_model_len_that_fits"], each
        resolved = {**tried["engine"], "gpu": tried["gpu"]["name"], "gpu_count": tried["gpu"]["count"]}
        assert {name: resolved[name] for name in each["change"]} == each["change"]
        length = each["change"].get("max_model_len")
        if length is not None:
            longer = answer(*pasted, "--max-model-len", str(length + 1))
            assert longer["verdict"] != "fits", each


@settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(A_MODEL, A_CARD, SOME_FLAGS)
def test_bytes_add_up_and_a_length_that_fits_comes_first(
    model: str, gpu: tuple[str, ...], flags: list[tuple[str, ...]]
) -> None:
    """The parts are the budget, also of a reserved pool; a length is said to fit only where one does."""
    found = answer(model, *gpu, *(word for flag in flags for word in flag))
    parts = dict(found.get("per_gpu_bytes", {}))
    if "kv_cache_needed" not in parts:
        return
    parts.pop("kv_cache_needed")
    assert parts.pop("budget") == sum(parts.values())
    longest = found["max_model_len_that_fits"]
    if found["verdict"] == "refused" and 0 < longest < found["engine"]["max_model_len"]:
        assert found["suggestions"][0]["change"] == {"max_model_len": longest}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((LLAMA_8B, "--gpu", "H100 SXM:8", "-tp", "8", "-dcp", "2"), "--decode-context-parallel-size 1"),
        (
            (str(MODELS / "meta-llama__Meta-Llama-3.1-70B"), "--gpu", "H100 SXM", "-tp", "3"),
            "--tensor-parallel-size 4",
        ),
        ((GLM_5, "--gpu", "A100 80GB SXM:8", "-tp", "8"), '--gpu "H200 SXM:16" --pipeline-parallel-size 2'),
        (
            (GLM_5, "--gpu", "H100 SXM:8"),
            '--gpu "H200 SXM:16" --tensor-parallel-size 8 --pipeline-parallel-size 2',
        ),
    ],
)
def test_a_refusal_names_the_nearest_layout_that_works(words: tuple[str, ...], expected: str) -> None:
    """A wider split where a narrower has no room, several nodes where one is too small, a GPU that has the kernels."""
    found = answer(*words)
    assert found["verdict"] == "refused"
    assert expected in [each["arguments"] for each in found["suggestions"]]
