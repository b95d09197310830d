"""What the fuzzer has found stays mended: each input ends in an answer or in one line, and in bounded memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.fuzz.outcome import outcome_of
from scripts.fuzz.readers import READERS

DEEP = b"[" * 3000
DIGITS = b"9" * 5000
SERIES = {"model_name": "m", "job": {"a": 1}, "instance": "i"}
POD: dict[str, object] = {"status": {"podIP": "1", "phase": "Running"}, "metadata": {}}
CONTAINER = {"ports": [{"containerPort": 1}], "resources": {"limits": {"nvidia.com/gpu": float("inf")}}}
POD_LIST = json.dumps({"kind": "PodList", "items": [POD | {"spec": {"containers": [CONTAINER]}}]}).encode()


def prometheus(kind: str, metric: object, value: object) -> bytes:
    """An answer with one series."""
    row = {"metric": metric, "value": value, "values": value}
    return json.dumps({"data": {"resultType": kind, "result": [row]}}).encode()


def header(shape: str, offsets: str = "[0, 2]") -> bytes:
    """A safetensors header with one tensor."""
    return f'{{"a": {{"dtype": "BF16", "shape": {shape}, "data_offsets": {offsets}}}}}'.encode()


FOUND = {
    "a product of a number and a text is a long text": (
        "safetensors-header",
        header('[99999999999, "aaaa"]'),
    ),
    "infinite dimensions": ("safetensors-header", header("[1e999]")),
    "an abbreviation of every flag": ("serve-flags", b"serve --=1"),
    "an abbreviation of many flags in a file": ("serve-config", b"e: 1\n"),
    "more digits than Python reads, in a batch file": (
        "batch",
        b"#!/bin/bash\n#SBATCH --gres=gpu:h100:%b\n" % DIGITS,
    ),
    "more digits than Python reads, in /proc": ("meminfo", b"MemTotal: %b kB\n" % DIGITS),
    "no UTF-8 in /proc": ("meminfo", b"MemTotal: \xff kB\n"),
    "a time zone's name that overflows the stack": ("typed", b"x/y at " * 600),
    "a long key": ("settings-json", json.dumps({"gpu" * 2000: 1}).encode()),
    "a long column": ("bills", b"start" * 2000 + b",cost\n1,2\n"),
    "targets nested too deeply": ("top-targets", DEEP),
    "requests nested too deeply": ("traces", b'{"timestamp": ' + DEEP),
    "a minute and the year 9999": (
        "traces",
        b"TIMESTAMP,ContextTokens,GeneratedTokens\n1.5,2,3\n9999-12-31,2,3\n",
    ),
    "an arrival of 400 digits": (
        "traces",
        json.dumps({"timestamp": 10**400, "input_length": 1, "output_length": 1}).encode(),
    ),
    "a carriage return alone, in a price list": (
        "skypilot",
        b"AcceleratorName,AcceleratorCount,Price\nH100,8,1\rx,2,3\n",
    ),
    "a carriage return alone, in minutes": (
        "idle-samples",
        b"start,active_seconds,requests,usd\n1\r2,3,4,5\n",
    ),
    "a provider that is a list": ("litellm", b'{"a": {"litellm_provider": ["x"], "mode": "chat"}}'),
    "an answer nested too deeply": ("prometheus", DEEP),
    "a label that is a table": ("prometheus", prometheus("vector", SERIES, [1, "2"])),
    "a moment that is infinite": ("prometheus", prometheus("matrix", {}, [[float("inf"), "1"]])),
    "a counter whose increase is infinite": (
        "prometheus",
        prometheus("matrix", {}, [[1_795_262_400, "-1e308"], [1_795_262_460, "1e308"]]),
    ),
    "a value of 400 digits": ("prometheus", prometheus("vector", {}, [1, 10**400])),
    "a pod with infinitely many GPUs": ("pods", POD_LIST),
    "an id that is a table": (
        "request-file",
        b'[1, [{"a": "cmpl-1"}], 1800000000.0, "m", "", 1, "stop", 1, 1, 1, 1]\n',
    ),
    "a request that ended at no time": (
        "request-file",
        b'[1, ["cmpl-1"], [1], "m", "", 1, "stop", 1, 1, 1]\n[1, ["cmpl-1"], null, "m", "", 1, "stop", 1, 1, 1, 1]\n',
    ),
    "a request nested too deeply": ("request-file", b'"cmpl-1"' + DEEP + b"\n"),
    "a rate of 400 digits": (
        "throughput",
        json.dumps(
            {
                "schema": "costmeter.throughput-calibration/1",
                "calibrations": [
                    dict.fromkeys(("gpu", "model", "quantization", "spread", "runs", "as_of"), 1)
                    | {"layout": [1], "slowdown": 10**400}
                ],
            }
        ).encode(),
    ),
    "a moment of 400 digits": ("hub-cache", json.dumps({"commit": "a" * 40, "seen_at": 10**400}).encode()),
}


@pytest.mark.parametrize("what", FOUND)
def test_it_stays_mended(what: str, tmp_path: Path) -> None:
    name, data = FOUND[what]
    outcome = outcome_of(READERS[name], data, tmp_path)
    assert outcome.finding is None, outcome.details
