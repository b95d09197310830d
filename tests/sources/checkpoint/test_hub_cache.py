"""What the cache of the Hub holds is read only if we wrote it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vllm_costmeter.core.model.checkpoint import CheckpointContents, TensorGroup
from vllm_costmeter.sources.checkpoint.hub_cache import HubCache, HubModel

COMMIT = "a" * 40
GROUP = TensorGroup(use="head", layer=None, dtype="BF16", bytes=4096, values=2048)
MODEL = HubModel({"model_type": "llama"}, None, CheckpointContents("safetensors", (GROUP,), 1, 1), False)


@pytest.mark.parametrize("value", [1 << 63, 10**400, -1, 0.5, "9", None])
@pytest.mark.parametrize("field", ["bytes", "values"])
def test_sizes_that_no_file_has_were_not_written_by_us(tmp_path: Path, field: str, value: object) -> None:
    """What the file says is then not known, and is read from the Hub again."""
    cache = HubCache("https://hub", tmp_path)
    cache.save("org/tiny", None, COMMIT, MODEL)
    assert cache.load("org/tiny", COMMIT) == MODEL
    (file,) = tmp_path.glob("model-*")
    kept = json.loads(file.read_text())
    kept["contents"]["groups"][0][field] = value
    file.write_text(json.dumps(kept))
    assert cache.load("org/tiny", COMMIT) is None
