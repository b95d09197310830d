"""The tables against vLLM's own code, on a representative dozen: `make accuracy` does all models.

vLLM is asked for a pretended H100 (block sizes and backends are the card's, not those of a CPU server), so the same
numbers come from a CPU build, a CUDA build and a machine without a GPU. All in one process of vLLM: a minute or two.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.answers.conformance import LAYOUTS, MODELS, compare
from scripts.answers.drafters import FILE, answers
from scripts.answers.lines import DATA, Vllm
from vllm_costmeter.cli.main import main
from vllm_costmeter.plugin.exact import VllmWorker
from vllm_costmeter.plugin.exact.fakes.stub_modules import is_cuda_build

pytestmark = pytest.mark.heavy

DOZEN = (
    "meta-llama__Llama-3.1-8B-Instruct",  # grouped queries
    "google__gemma-2-27b-it",  # sliding windows in turn with full attention
    "google__gemma-3-27b-it",  # 52 and 10 layers: groups with padding, and a vision tower
    "openai__gpt-oss-20b",  # MXFP4 experts, windows
    "meta-llama__Llama-4-Scout-17B-16E-Instruct",  # chunked local attention
    "deepseek-ai__DeepSeek-V3",  # latent attention, FP8 by blocks
    "deepseek-ai__DeepSeek-V3.2",  # a sparse indexer's own cache
    "Qwen__Qwen3.5-35B-A3B",  # gated delta net and experts
    "nvidia__NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4",  # Mamba 2, NVFP4 by modelopt
    "Qwen__Qwen3-VL-8B-Instruct",  # vision tower with deep features
    "RedHatAI__Meta-Llama-3.1-8B-Instruct-quantized.w8a8",  # INT8, compressed-tensors
    "microsoft__phi-4",  # 10 KV heads: TP 8 is refused
)

DRAFTERS = (
    "eagle-llama",
    "eagle3-llama",
    "deepseek-fp8-mtp",
    "qwen35-two-mtp",  # recurrent states for every draft token
    "nemotron-long-mtp",  # four layers of two kinds
    "exaone-mtp",  # windows
    "nvidia__Qwen3.6-35B-A3B-NVFP4#3",  # a published one, by modelopt
)


@pytest.fixture(scope="module")
def vllm() -> Iterator[VllmWorker]:
    """The installed vLLM, imported once, in an environment that asks for the compiled module it has no need of."""
    with VllmWorker(environ={**os.environ, "VLLM_USE_SPINLOOP_EXT": "1"}) as worker:
        yield worker


@pytest.mark.parametrize("name", DOZEN)
def test_every_number_is_vllms(name: str, vllm: VllmWorker) -> None:
    """Weights within 0.3 %; pages, groups, blocks, tokens, concurrency and longest length equal; refusals shared."""
    found = [compare(vllm, MODELS / name, layout) for layout in LAYOUTS]
    assert [one for one in found if not one.agrees] == []
    assert all("ours refuse it too" in one.not_compared for one in found if one.not_compared)
    assert any(not one.not_compared for one in found)


@pytest.mark.skipif(
    is_cuda_build(), reason="a CUDA build is made for every x86-64 CPU, and loads where it can"
)
def test_no_compiled_module_of_a_cpu_build_is_in_the_worker(vllm: VllmWorker) -> None:
    """vLLM has modules compiled for other CPUs; none is in the memory of the process that answered for the dozen."""
    assert compare(vllm, MODELS / DOZEN[0], LAYOUTS[0]).agrees
    found = importlib.util.find_spec("vllm")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent.resolve()
    assert list(folder.rglob("*.so"))
    maps = (line.split(maxsplit=5) for line in Path(f"/proc/{vllm.pid}/maps").read_text().splitlines())
    files = {Path(fields[5]) for fields in maps if len(fields) == 6}
    assert [file for file in files if ".so" in file.suffixes and file.is_relative_to(folder)] == []


def test_exact_mode_says_whose_counts_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """`costmeter check --exact` asks the installed vLLM and names it as the source."""
    model = str(MODELS / "google__gemma-2-27b-it")
    assert main(["check", model, "--gpu", "H100 SXM", "--exact", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["provenance"]["weights"], found["provenance"]["kv_cache"]) == ("vllm", "vllm")


def test_drafters_are_what_was_recorded() -> None:
    """The installed vLLM builds the drafters and plans the caches that the tables are held against."""
    recorded = {line["name"]: line for line in map(json.loads, (DATA / FILE).read_text().splitlines())}
    vllm = Vllm()
    try:
        for name in DRAFTERS:
            assert answers(vllm, recorded[name])["answers"] == recorded[name]["answers"]
    finally:
        vllm.close()


def test_exact_mode_counts_a_draft_model(capsys: pytest.CaptureFixture[str]) -> None:
    """Beside the model, to within the rotary table that both share; a draft that vLLM refuses is left to the tables."""
    model, draft = str(MODELS / "Qwen__Qwen3-32B"), str(MODELS / "Qwen__Qwen3-0.6B")
    asked = {"model": draft, "num_speculative_tokens": 3}
    command = ["check", model, "--gpu", "2x H100 SXM", "--tensor-parallel-size", "2", "--format", "json"]
    found = []
    for more in ([], ["--exact"]):
        assert main([*command, "--speculative-config", json.dumps(asked), *more]) == 0
        found.append(json.loads(capsys.readouterr().out))
    tables, exact = found
    assert (exact["provenance"]["weights"], exact["provenance"]["kv_cache"]) == ("vllm", "vllm")
    assert exact["kv_cache"]["tokens"] == pytest.approx(tables["kv_cache"]["tokens"], rel=0.001)
    whole = json.dumps({**asked, "draft_tensor_parallel_size": 1})
    assert main([*command, "--speculative-config", whole, "--exact"]) == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert any("draft_tensor_parallel_size" in note for note in notes)
