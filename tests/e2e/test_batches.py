"""Offline batches on a real vLLM: measured from Python, and under `costmeter run`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from harness import FEW_PROCESSES, ROOT

from scripts.servers.vllm_server import environment

pytestmark = pytest.mark.heavy

BATCH = """
import json, sys, time
from vllm import LLM, SamplingParams
import vllm_costmeter

if __name__ == "__main__":
    llm = LLM(sys.argv[1], enforce_eager=True, max_model_len=512)
    asked = [{"prompt_token_ids": list(range(1, 20 + length))} for length in range(10)]
    tokens = SamplingParams(max_tokens=40, ignore_eos=True)
    try:
        with vllm_costmeter.measure(llm, usd_per_hour=3600.0) as cost:
            llm.generate(asked, tokens, use_tqdm=False)
            began = time.monotonic()
            time.sleep(2)
            slept = time.monotonic() - began
            raise KeyError("a batch that fails")
    except KeyError:
        pass
    again = llm.generate(asked, tokens, use_tqdm=False)
    print(json.dumps(json.loads(cost.to_json()) | {"slept": slept}))
    sys.exit(7)
"""


def test_a_batch_is_measured_from_inside(tiny_model: Path, tmp_path: Path) -> None:
    """Tokens exact, the sleep idle, dollars for the whole time, though the block failed; what came after is not in it,
    but is in the answer of `costmeter run`, whose exit code is the job's."""
    script, answer = tmp_path / "batch.py", tmp_path / "cost.json"
    script.write_text(BATCH)
    command = [sys.executable, "-m", "vllm_costmeter.cli.main", "run", "--usd-per-hour", "3600"]
    command += ["--output", str(answer), "--", sys.executable, str(script), str(tiny_model)]
    env = environment({**FEW_PROCESSES, "XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)})
    ran = subprocess.run(command, check=False, env=env, capture_output=True, text=True, timeout=900)
    assert ran.returncode == 7, ran.stderr[-3000:]
    inside = json.loads(ran.stdout.splitlines()[-1])
    assert (inside["prompt_computed_tokens"], inside["generated_tokens"]) == (235, 400)
    assert inside["finished_requests"] == 10
    assert inside["usd"] == pytest.approx(inside["seconds"], rel=1e-3)
    assert inside["idle_usd"] == pytest.approx(inside["slept"], abs=0.5)
    whole = json.loads(answer.read_text())
    assert (whole["generated_tokens"], whole["finished_requests"], whole["exit_code"]) == (800, 20, 7)
    assert whole["total_usd"] == pytest.approx(whole["seconds"], rel=0.01)
    assert (tmp_path / "vllm-costmeter" / "ledger.sqlite3").exists()
