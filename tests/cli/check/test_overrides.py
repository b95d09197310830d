"""What goes before what: the command line, the file, the image's tag, the command behind `--`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from manifests import deployment

from vllm_costmeter.api import check
from vllm_costmeter.cli.main import main
from vllm_costmeter.core.fit.report import CheckAnswer
from vllm_costmeter.core.release import NEWEST_KNOWN, dotted
from vllm_costmeter.outputs.check.github import annotation


def released(file: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    """Release of the rules, and the notes."""
    assert main(["check", "--file", str(file), *words, "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["checks"]
    return found["engine"]["vllm_version"], " ".join(found["notes"])


def test_the_image_s_tag_decides_the_rules(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--vllm-version goes before it; an image without a release has the newest known, and the answer says so."""
    file = deployment(tmp_path, f"[{model}]")
    newest = dotted(NEWEST_KNOWN)
    assert released(file, capsys) == (
        newest,
        f"image vllm/vllm-openai states no vLLM release: using the rules of {newest}",
    )
    file.write_text(file.read_text().replace("vllm/vllm-openai", "vllm/vllm-openai:v0.19.1-cu130"))
    assert released(file, capsys) == ("0.19.1", "")
    assert released(file, capsys, "--vllm-version", "0.25.1") == ("0.25.1", "")
    file.write_text(file.read_text().replace("v0.19.1-cu130", "v0.12.0"))
    assert "older than 0.17.0" in released(file, capsys)[1]


def test_the_image_of_a_command_decides_too(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`docker run ... vllm/vllm-openai:v0.19.1`."""
    run = ["docker", "run", "--gpus", "all", "vllm/vllm-openai:v0.19.1", "--model", str(model)]
    assert main(["check", "--gpu", "L4", "--format", "json", "--", *run]) == 0
    assert json.loads(capsys.readouterr().out)["engine"]["vllm_version"] == "0.19.1"
    assert main(["check", "--gpu", "L4", "--vllm-version", "0.25.1", "--format", "json", "--", *run]) == 0
    assert json.loads(capsys.readouterr().out)["engine"]["vllm_version"] == "0.25.1"


def test_flags_before_the_command_override_it(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As they override a file's: what is tried out stands outside."""
    served = ["vllm", "serve", str(model), "--max-model-len", "2048"]
    assert main(["check", "--gpu", "L4", "--max-model-len", "1024", "--format", "json", "--", *served]) == 0
    assert json.loads(capsys.readouterr().out)["engine"]["max_model_len"] == 1024


def test_a_tight_answer_is_an_error_where_it_fails_the_job() -> None:
    """`--strict --format github`: the annotation has the colour of the exit code."""
    llama = Path(__file__).parents[2] / "data" / "models" / "meta-llama__Llama-3.1-8B-Instruct"
    fit = replace(check(llama, "RTX 4090", max_model_len=8192), verdict="tight")
    assert annotation(CheckAnswer("m", fit)).startswith("::warning")
    assert annotation(CheckAnswer("m", fit), strict=True).startswith("::error")
