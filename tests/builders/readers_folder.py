"""The folder of somebody who follows the documents: the files that their commands name, with plausible content."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from ledgers import NOON, SERIES, usage
from load_tests import result

from vllm_costmeter.core.ledger.rows import MINUTE, Interval
from vllm_costmeter.core.meter.shares.share import Share
from vllm_costmeter.outputs.ledger.file import LedgerFile

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: llama}
spec:
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.33.0
        args: [examples/models/llama-3.1-8b, --max-model-len, "8192"]
        resources: {limits: {nvidia.com/gpu: 1}}
      nodeSelector: {nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3}
"""

BATCH = """\
#!/bin/bash
#SBATCH --job-name=llama
#SBATCH --gpus-per-node=8
#SBATCH --time=08:00:00
export COSTMETER_GPU_HOURLY_USD=2.50
export COSTMETER_LEDGER="$HOME/ledgers/$SLURM_JOB_ID.sqlite3"
vllm serve examples/models/llama-3.1-70b --tensor-parallel-size 8 --max-model-len 32768 --plugin costmeter
"""
"""As docs/slurm.md prints it."""


def fill(folder: Path) -> None:
    """All but what a command writes. The ledgers have a minute of November 2026 and the last hour, of two tenants."""
    for room in (
        "examples",
        "grafana",
    ):  # a command that would overwrite what a checkout has fails here, as there
        shutil.copytree(ROOT / room, folder / room)
    (folder / "deploy").mkdir()
    for file in (folder / "deployment.yaml", folder / "deploy" / "llama.yaml"):
        file.write_text(DEPLOYMENT)
    for side, rate in (("main", 2000.0), ("current", 2010.0), ("pr", 2010.0)):
        (folder / side).mkdir()
        for run in range(4):
            (folder / side / f"run-{run}.json").write_text(json.dumps(result(rate + run)))
    for concurrency, rate in ((8, 300.0), (32, 900.0), (64, 1400.0)):
        one = result(rate, max_concurrency=concurrency, model_id="llama")
        (folder / f"c{concurrency}.json").write_text(json.dumps(one))
    (folder / "targets.json").write_text('[{"targets": ["127.0.0.1:8000"]}]')
    (folder / "serve.sbatch").write_text(BATCH)
    (folder / "batch.py").write_text("print('done')")
    (folder / "ledgers").mkdir()
    for path in (folder / "ledgers" / "node.sqlite3", folder / "state" / "vllm-costmeter" / "ledger.sqlite3"):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_ledger(path)


def _write_ledger(path: Path) -> None:
    now = int(time.time() // MINUTE) * MINUTE
    tenants = {("tenant", name): Share(usd=usd) for name, usd in (("acme", 0.6), ("globex", 0.3))}
    file = LedgerFile(path)
    file.add(
        SERIES, {start: Interval(usage(), dict(tenants)) for start in (NOON, *range(now - 3600, now, MINUTE))}
    )
    file.close()
