"""Deployment files and commands have keys in them: `costmeter check` prints none."""

from __future__ import annotations

from pathlib import Path

import pytest
from marks import Marks

from vllm_costmeter.cli.main import main

MODEL = "meta-llama/Llama-3.1-8B-Instruct"
COMPOSE = """
services:
  vllm:
    image: vllm/vllm-openai:v0.32.0
    command: [--model, {model}, --api-key, {0}, --hf-token, {1}, --max-model-len, "{length}"]
    environment: {{HF_TOKEN: {2}, VLLM_API_KEY: {3}, OTHERS: "${{UNSET:-{4}}}"}}
"""
SCRIPT = """#!/bin/bash
export HF_TOKEN={0}
KEY={1}
exec env VLLM_API_KEY={2} vllm serve {model} --api-key "$KEY" "{3}" --hf-token={4} --max-model-len {length}
"""
MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: vllm}}
spec:
  template:
    spec:
      containers:
        - name: vllm
          image: vllm/vllm-openai:v0.32.0
          args: [--model, {model}, --api-key, {0}, --max-model-len, "{length}"]
          env: [{{name: HF_TOKEN, value: {1}}}, {{name: VLLM_API_KEY, value: {2}}}, {{name: X, value: "{3}{4}"}}]
"""


FILES = {"compose.yaml": COMPOSE, "run.sh": SCRIPT, "deployment.yaml": MANIFEST}


@pytest.mark.parametrize("format", ["text", "json", "csv", "sarif", "junit", "github"])
@pytest.mark.parametrize("length", [8_192, 131_072])
@pytest.mark.parametrize("name", FILES)
def test_no_key_of_a_file_is_printed(
    name: str, length: int, format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether it fits or is refused, in any format."""
    marks = Marks()
    secrets = [marks.new(f"secret {number}") for number in range(5)]
    (tmp_path / name).write_text(FILES[name].format(*secrets, model=MODEL, length=length))
    words = ["check", str(tmp_path / name), "--gpu", "RTX 4090", "--format", format]
    assert main(words) == (0 if length == 8_192 else 1)
    said = capsys.readouterr()
    assert said.out
    assert marks.found_in({"said": f"{said.out}{said.err}".encode()}) == []


def test_no_key_of_a_command_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Nor where another flag of it is wrong."""
    marks = Marks()
    keys = ["--api-key", marks.new("a key"), "--hf-token", marks.new("a token")]
    for more, code in (([], 1), (["--max-model-len", "8192x"], 2), (["--made-up", "1"], 2)):
        assert main(["check", "--gpu", "RTX 4090", "--", "vllm", "serve", MODEL, *keys, *more]) == code
    said = capsys.readouterr()
    assert marks.found_in({"said": f"{said.out}{said.err}".encode()}) == []
