"""`--quantization`, for every name that vLLM 0.32 lists and every kind of checkpoint.

`quantization_flags_vllm_0.32.jsonl` (2026-11, `scripts/answers/quantization_flags.py`): first vLLM 0.32.0's
QUANTIZATION_METHODS, then per checkpoint and GPU the names with which vLLM builds it on the meta device, and those that
it refuses (a name that needs a package which was not there is in neither). For a quantized checkpoint the names taken
all give the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import model_from_config

FILE = Path(__file__).parents[2] / "data" / "quantization_flags_vllm_0.32.jsonl"
LISTED, *LINES = [json.loads(line) for line in FILE.read_text().splitlines()]
NAMES: list[str] = LISTED["quantization_methods"]
CONVERTS = {
    "experts_int8",
    "fp8",
    "fp8_per_block",
    "fp8_per_channel",
    "fp8_per_tensor",
    "int8_per_channel_weight_only",
    "mxfp4",
    "mxfp8",
    "nvfp4_per_token",
}
"""Names that quantize a 16-bit checkpoint while loading."""


def answer(line: dict[str, Any], name: str) -> str | int:
    """ "refused", "unknown", or the bytes of the weights."""
    gpu = GpuGroup("a GPU", 80 << 30, compute_capability=tuple(line["compute_capability"]))
    model = model_from_config(line["config"], "model")
    try:
        found = fit(model, gpu, EngineArgs(quantization=name, max_model_len=1024), release_of("0.32.0"))
    except BadInputError:
        return "refused"
    return "unknown" if found.per_gpu is None else found.per_gpu.weights_bytes


def spelled(line: dict[str, Any]) -> str:
    return f"{line['checkpoint']} on {line['compute_capability'][0]}.x"


@pytest.mark.parametrize("line", LINES, ids=spelled)
def test_no_name_is_answered_wrongly(line: dict[str, Any]) -> None:
    """What vLLM takes is never refused, what it refuses never given bytes; no name ends in anything else."""
    answers = {name: answer(line, name) for name in (*NAMES, "nonsense")}
    assert {name for name in line["taken"] if answers[name] == "refused"} == set()
    assert {name for name in line["refused"] if isinstance(answers[name], int)} == set()
    assert not isinstance(answers["nonsense"], int)


@pytest.mark.parametrize("line", [line for line in LINES if "weights_bytes" not in line], ids=spelled)
def test_every_conversion_that_vllm_makes_has_bytes(line: dict[str, Any]) -> None:
    """Each of those names: its bytes where vLLM takes it on that GPU, a refusal where it does not. Experts whose
    padding follows the kernel are unknown."""
    open_ = {"mxfp4", "nvfp4_per_token"} if line["checkpoint"] == "16-bit moe" else set()
    answers = {name: answer(line, name) for name in CONVERTS}
    assert {name for name in CONVERTS & set(line["taken"]) - open_ if answers[name] == "unknown"} == set()
    assert {name for name in CONVERTS & set(line["refused"]) if answers[name] != "refused"} == set()


@pytest.mark.parametrize("line", [line for line in LINES if "weights_bytes" in line], ids=spelled)
def test_a_method_has_several_spellings(line: dict[str, Any]) -> None:
    """A quantized checkpoint weighs the same under each that is understood, its own among them."""
    numbers = {bytes_ for name in line["taken"] if isinstance(bytes_ := answer(line, name), int)}
    assert numbers == {line["weights_bytes"]}


def test_awq_answers_to_its_three_names_and_to_no_other_method() -> None:
    """awq_marlin is how older commands spell it; fp8 is a contradiction that vLLM stops at."""
    (line,) = (line for line in LINES if line["checkpoint"] == "awq")
    assert {answer(line, name) for name in ("awq", "auto_awq", "awq_marlin")} == {line["weights_bytes"]}
    assert answer(line, "fp8") == "refused"
