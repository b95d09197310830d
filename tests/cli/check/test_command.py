"""`costmeter check` as people run it, on published models."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import vllm_costmeter
from vllm_costmeter.cli.main import main

MODELS = Path(__file__).resolve().parents[2] / "data" / "models"
LLAMA_8B = str(MODELS / "meta-llama__Llama-3.1-8B-Instruct")
LLAMA_70B = str(MODELS / "meta-llama__Meta-Llama-3.1-70B")
ADA = ("--gpu", "RTX 4090", "--vllm-version", "0.32.0")


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """The JSON answer."""
    main(["check", *words, "--format", "json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_an_8b_passes_on_a_4090(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0 and a verdict that says so."""
    assert main(["check", LLAMA_8B, *ADA, "--max-model-len", "8192"]) == 0
    assert "fits: 8,192 tokens" in capsys.readouterr().out


def test_a_70b_is_refused_on_a_4090(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1, the reason, and what to change."""
    assert main(["check", LLAMA_70B, *ADA]) == 1
    text = capsys.readouterr().out
    assert "refused: the weights need 131.4" in text
    assert "--tensor-parallel-size 8" in text


def test_the_json_has_every_promised_field(capsys: pytest.CaptureFixture[str]) -> None:
    """Schema costmeter.check/1: names that pipelines rely on."""
    found = answer(capsys, LLAMA_8B, *ADA)
    assert found["schema"] == "costmeter.check/1"
    assert (found["verdict"], found["reason"]) == ("refused", "kv_cache")
    assert found["model"] == {
        "id": LLAMA_8B,
        "architecture": "LlamaForCausalLM",
        "parameters": 8030261248,
        "quantization": None,
    }
    assert found["gpu"]["name"] == "RTX 4090"
    assert found["gpu"]["source"] == "catalog"
    assert found["engine"]["max_model_len"] == 131072
    assert found["engine"]["gpu_memory_utilization"] == 0.92
    assert found["engine"]["tensor_parallel_size"] == 1
    parts = found["per_gpu_bytes"]
    assert set(parts) == {
        "budget",
        "weights",
        "activations",
        "cuda_graphs",
        "non_torch",
        "kv_cache_available",
        "kv_cache_needed",
    }
    used = sum(parts[name] for name in ("weights", "activations", "cuda_graphs", "non_torch"))
    assert parts["budget"] == used + parts["kv_cache_available"]
    low, high = found["per_gpu_bytes_range"]["kv_cache_available"]
    assert low <= parts["kv_cache_available"] <= high
    assert found["kv_cache"]["bytes_per_token"] == 131072
    low, high = found["kv_cache"]["tokens_range"]
    assert found["max_model_len_that_fits"] <= low <= found["kv_cache"]["tokens"] <= high
    assert found["suggestions"][0]["change"] == {"max_model_len": found["max_model_len_that_fits"]}
    assert found["provenance"]["weights"] == "config"


def test_what_a_token_needs_is_known_where_none_fits(capsys: pytest.CaptureFixture[str]) -> None:
    """A fact of the layout: 80 layers x 8 heads x 128 x keys and values in 16 bits, halved by two GPUs."""
    assert answer(capsys, LLAMA_70B, *ADA)["kv_cache"]["bytes_per_token"] == 327680
    split = answer(capsys, LLAMA_70B, *ADA, "--tensor-parallel-size", "2")
    assert split["kv_cache"]["bytes_per_token"] == 163840


def test_every_suggestion_fits_when_it_is_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    """The arguments behind the same command are judged `fits`."""
    suggestions = answer(capsys, LLAMA_8B, *ADA)["suggestions"]
    assert len(suggestions) >= 5
    for suggestion in suggestions:
        words = shlex.split(suggestion["arguments"])
        gpu = () if "--gpu" in words else ("--gpu", "RTX 4090")
        tried = answer(capsys, LLAMA_8B, *gpu, *words, "--vllm-version", "0.32.0")
        assert tried["verdict"] == suggestion["verdict"] == "fits", suggestion


def test_one_block_beyond_the_longest_length_does_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    """The suggested length is the largest."""
    longest = answer(capsys, LLAMA_8B, *ADA)["max_model_len_that_fits"]
    assert answer(capsys, LLAMA_8B, *ADA, "--max-model-len", str(longest))["verdict"] == "fits"
    assert answer(capsys, LLAMA_8B, *ADA, "--max-model-len", str(longest + 16))["verdict"] == "tight"


def test_strict_turns_a_tight_fit_into_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    """For pipelines that want no risk."""
    longest = answer(capsys, LLAMA_8B, *ADA)["max_model_len_that_fits"]
    words = ["check", LLAMA_8B, *ADA, "--max-model-len", str(longest + 16)]
    assert main(words) == 0
    assert main([*words, "--strict"]) == 1


def test_a_whole_command_is_checked_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Flags before `--`, the server's command behind it; what does not matter is ignored."""
    command = ("CUDA_VISIBLE_DEVICES=0,1", "vllm", "serve", LLAMA_8B)
    command += ("-tp", "2", "--max_model_len=4k", "--port", "80", "--api-key", "x")
    found = answer(capsys, *ADA, "--format", "json", "--", *command)
    assert found["engine"]["tensor_parallel_size"] == 2
    assert found["engine"]["max_model_len"] == 4000
    assert found["gpu"]["count"] == 2


def test_the_gpus_memory_can_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    """`--gpu-memory-gib 79.19` for a GPU that is in no catalogue."""
    found = answer(capsys, LLAMA_8B, "--gpu-memory-gib", "79.19")
    assert found["gpu"]["memory_bytes"] == round(79.19 * (1 << 30))
    assert found["gpu"]["source"] == "flag"


def test_a_flag_that_is_not_followed_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    """Accepted, and said."""
    found = answer(capsys, LLAMA_8B, *ADA, "--hf-overrides", '{"num_hidden_layers": 1}')
    assert any("--hf-overrides" in note for note in found["notes"])


def test_a_newer_vllm_is_judged_by_the_newest_rules_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A version the table has not seen."""
    found = answer(capsys, LLAMA_8B, "--gpu", "RTX 4090", "--vllm-version", "0.99.0")
    assert found["engine"]["vllm_version"] == "0.99.0"
    assert any("newer than the newest known" in note for note in found["notes"])


def test_an_unknown_architecture_is_exit_3_in_both_formats(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Never a guess: no bytes, only why."""
    (tmp_path / "config.json").write_text('{"architectures": ["NeverSeenForCausalLM"], "model_type": "x"}')
    assert main(["check", str(tmp_path), *ADA]) == 3
    assert capsys.readouterr().out.startswith("unknown: ")
    assert main(["check", str(tmp_path), *ADA, "--format", "json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["reason"]) == ("unknown", "not_understood")


def test_an_architecture_that_no_rule_can_hold_says_why_in_both_formats(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """vLLM serves it, so "not known" alone would read like a misspelt name."""
    (tmp_path / "config.json").write_text('{"architectures": ["Terratorch"], "model_type": "timm_wrapper"}')
    assert main(["check", str(tmp_path), *ADA]) == 3
    said = capsys.readouterr().out.splitlines()[0].removeprefix("unknown: ")
    assert main(["check", str(tmp_path), *ADA, "--format", "json"]) == 3
    assert json.loads(capsys.readouterr().out)["message"] == said
    assert "terratorch package" in said


def test_from_python_it_is_the_same_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """`vllm_costmeter.check` returns the object that the command prints."""
    result = vllm_costmeter.check(LLAMA_8B, gpu="RTX 4090", max_model_len=8192, vllm_version="0.32.0")
    found = answer(capsys, LLAMA_8B, *ADA, "--max-model-len", "8192")
    assert result.verdict == found["verdict"] == "fits"
    assert result.per_gpu is not None
    assert result.per_gpu.budget_bytes == found["per_gpu_bytes"]["budget"]
    assert result.max_model_len_that_fits == found["max_model_len_that_fits"]


HEAVY_MODULES = {"torch", "transformers", "vllm", "pydantic", "rich", "pynvml", "prometheus_client"}
MOST_MODULES = 320
"""Of a whole process, the standard library's included; 289 in 2026-11. The benchmark measures time."""


def test_a_check_is_light() -> None:
    """A whole process imports nothing heavy, and not much at all."""
    program = (
        "import sys; from vllm_costmeter.cli.main import main; code = main(sys.argv[1:]); "
        "print('|'.join(sorted(set(sys.modules))), file=sys.stderr); sys.exit(code)"
    )
    words = [sys.executable, "-c", program, "check", LLAMA_8B, *ADA, "--max-model-len", "8192"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0
    imported = done.stderr.strip().split("|")
    assert HEAVY_MODULES.isdisjoint(imported)
    assert len(imported) <= MOST_MODULES
