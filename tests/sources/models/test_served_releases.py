"""Which releases serve an architecture."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from vllm_costmeter.assembly import assembled
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import model_from_config
from vllm_costmeter.sources.models.served_releases import TABLE, served_releases

DATA = Path(__file__).parents[2] / "data"
H200 = GpuGroup("H200 SXM", round(139.8 * 2**30), compute_capability=(9, 0))


def judged(architecture: str, release: str) -> Fit:
    """A small Llama under another name."""
    config = json.loads((DATA / "models" / "meta-llama__Llama-3.1-8B-Instruct" / "config.json").read_text())
    model = replace(model_from_config(config, "m"), architecture=architecture)
    return assembled(
        model, H200, EngineArgs(max_model_len=2048), release=release_of(release), calibration="none"
    ).fit()


@pytest.mark.parametrize("architecture", ["MiniMaxText01ForCausalLM", "BambaForCausalLM", "QWenLMHeadModel"])
def test_a_model_that_vllm_gave_up_is_refused_with_the_last_release(architecture: str) -> None:
    """vLLM refuses these by name: served up to 0.23."""
    gone = judged(architecture, "0.32.0")
    assert (gone.verdict, gone.reason, gone.exit_code()) == ("refused", "release", 1)
    assert "--vllm-version 0.23.0" in gone.message
    assert judged(architecture, "0.23.0").verdict == "fits"


def test_a_model_newer_than_the_release_is_unknown_with_the_first_release() -> None:
    """Gemma 4 came with 0.19.0; before, at most Transformers serves it, whose memory is not modelled."""
    early = judged("Gemma4ForConditionalGeneration", "0.18.0")
    assert (early.verdict, early.exit_code()) == ("unknown", 3)
    assert early.message.endswith("the first release that does is 0.19.0")
    assert judged("Gemma4ForConditionalGeneration", "0.19.0").verdict == "fits"


def test_a_model_of_every_release_has_no_ends() -> None:
    """Llama."""
    assert served_releases("LlamaForCausalLM") == (None, None)


def test_the_table_names_releases_and_its_source() -> None:
    """Every entry is a release that was read."""
    table = json.loads(TABLE.read_text())
    assert "registry.py of 0.16.0 to" in table["source"]
    assert all(
        release_of(text).number > (0, 16, 0) for part in ("first", "last") for text in table[part].values()
    )
