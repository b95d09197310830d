"""One image, video or audio clip that does not fit into a step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.api import check
from vllm_costmeter.core.fit.result import Fit

MODELS = Path(__file__).parents[2] / "data" / "models"
GEMMA_4, GEMMA_3 = MODELS / "google__gemma-4-26B-A4B", MODELS / "google__gemma-3-27b-it"
VIDEO = 2496


def judged(model: Path = GEMMA_4, **flags: Any) -> Fit:
    """On a GPU below 70 GiB, where the default is 2,048 tokens a step."""
    every = {"max_model_len": 4096, "vllm_version": "0.33.0", "tensor_parallel_size": 2, **flags}
    return check(str(model), "A100 40GB SXM:2", **every)


@pytest.mark.parametrize(
    ("release", "verdict", "step"),
    [
        ("0.20.0", "tight", 2048),
        ("0.21.0", "tight", 2048),
        ("0.22.0", "fits", VIDEO),
        ("0.33.0", "fits", VIDEO),
    ],
)
def test_the_default_step_is_too_small_for_a_video_up_to_0_21(release: str, verdict: str, step: int) -> None:
    """0.22 raises the default to the 2,496 tokens of a video; before, the answer says what starts surely."""
    result = judged(vllm_version=release)
    assert (result.verdict, result.engine.max_num_batched_tokens) == (verdict, step)
    if verdict == "tight":
        assert result.suggestions[0].change == {"max_num_batched_tokens": VIDEO}


@pytest.mark.parametrize("release", ["0.20.0", "0.26.0", "0.33.0"])
def test_a_given_step_below_a_video_is_refused_in_every_release(release: str) -> None:
    """One token less than a video is refused, and the suggestion is a video."""
    refused = judged(vllm_version=release, max_num_batched_tokens=VIDEO - 1)
    assert (refused.verdict, refused.reason) == ("refused", "max_num_batched_tokens")
    assert refused.suggestions[0].change == {"max_num_batched_tokens": VIDEO}
    assert judged(vllm_version=release, max_num_batched_tokens=VIDEO).verdict == "fits"


@pytest.mark.parametrize(
    "flags",
    [
        {"limit_mm_per_prompt": {"video": 0}},
        {"language_model_only": True},
        {"limit_mm_per_prompt": {"video": {"count": 1, "num_frames": 8}}},
    ],
)
def test_what_a_prompt_may_not_hold_needs_no_step(flags: dict[str, Any]) -> None:
    """Without videos, or with eight frames of one, 2,048 tokens are enough."""
    assert judged(max_num_batched_tokens=2048, vllm_version="0.23.0", **flags).verdict == "fits"


def test_the_default_is_raised_for_videos_that_are_not_allowed_too() -> None:
    """vLLM asks what the model supports; a model without multimodal input is left alone from 0.27."""
    text_only = {"limit_mm_per_prompt": {"image": 0, "video": 0}}
    assert judged(limit_mm_per_prompt={"video": 0}).engine.max_num_batched_tokens == VIDEO
    assert judged(**text_only, vllm_version="0.26.0").engine.max_num_batched_tokens == VIDEO
    assert judged(**text_only, vllm_version="0.27.0").engine.max_num_batched_tokens == 2048


def test_a_variant_that_reads_images_causally_may_split_them(tmp_path: Path) -> None:
    """Only `use_bidirectional_attention: vision` keeps an item whole (Gemma 4 E2B has none)."""
    config = json.loads((GEMMA_4 / "config.json").read_text())
    config["text_config"]["use_bidirectional_attention"] = None
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert judged(tmp_path, max_num_batched_tokens=1024).verdict == "fits"


@pytest.mark.parametrize(("step", "verdict"), [(255, "refused"), (256, "fits")])
def test_an_image_of_gemma_3_needs_256_tokens(step: int, verdict: str) -> None:
    """Its images are read in both directions too."""
    assert judged(GEMMA_3, max_num_batched_tokens=step, max_num_seqs=16).verdict == verdict


@pytest.mark.parametrize(("step", "verdict"), [(729, "refused"), (730, "fits")])
def test_an_image_of_moondream_3_needs_730_tokens(step: int, verdict: str, tmp_path: Path) -> None:
    """Whatever its sizes are: here those of vLLM's configuration class."""
    config = {"architectures": ["HfMoondream"], "model_type": "moondream3", "dtype": "bfloat16", "config": {}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    flags = {"max_num_batched_tokens": step, "max_num_seqs": 16, "tensor_parallel_size": 1}
    assert judged(tmp_path, **flags).verdict == verdict


@pytest.mark.parametrize(("pixels", "verdict"), [(224, "fits"), (448, "fits"), (896, "tight")])
def test_an_image_of_paligemma_has_a_token_for_each_patch(pixels: int, verdict: str, tmp_path: Path) -> None:
    """896 pixels in patches of 14 are 4,096 tokens, and nothing raises its default of 2,048."""
    text = {"model_type": "gemma", "hidden_size": 2048, "intermediate_size": 16384, "num_hidden_layers": 18}
    text |= {"num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 256, "vocab_size": 257216}
    vision = {"model_type": "siglip_vision_model", "hidden_size": 1152, "intermediate_size": 4304}
    vision |= {"num_attention_heads": 16, "num_hidden_layers": 27, "patch_size": 14, "image_size": pixels}
    vision |= {"projection_dim": 2048}
    config = {"architectures": ["PaliGemmaForConditionalGeneration"], "model_type": "paligemma"}
    config |= {"torch_dtype": "bfloat16", "hidden_size": 2048, "projection_dim": 2048}
    (tmp_path / "config.json").write_text(
        json.dumps({**config, "text_config": text, "vision_config": vision})
    )
    assert judged(tmp_path, tensor_parallel_size=1).verdict == verdict


@pytest.mark.parametrize(
    ("flags", "verdict"),
    [
        ({"max_num_batched_tokens": 8192}, "fits"),
        ({"max_num_batched_tokens": 8192, "disable_chunked_mm_input": True}, "tight"),
        ({"max_num_batched_tokens": 16_384, "disable_chunked_mm_input": True}, "fits"),
        ({"disable_chunked_mm_input": True, "limit_mm_per_prompt": {"image": 0, "video": 0}}, "fits"),
        ({"disable_chunked_mm_input": True, "language_model_only": True}, "fits"),
    ],
)
def test_unsplit_images_may_need_a_step_for_the_largest(flags: dict[str, Any], verdict: str) -> None:
    """16,384 tokens are Qwen's largest image; a processor may allow smaller ones only."""
    assert judged(MODELS / "Qwen__Qwen3-VL-8B-Instruct", **flags).verdict == verdict


@pytest.mark.parametrize(("step", "verdict"), [(1499, "refused"), (1500, "fits")])
def test_whisper_encodes_a_clip_in_one_step(step: int, verdict: str, tmp_path: Path) -> None:
    """Encoder-decoders never split their input: 1,500 positions."""
    rows = map(json.loads, (MODELS.parent / "weights_vllm_0.32_cpu.jsonl").read_text().splitlines())
    config = next(row["config"] for row in rows if row["name"] == "whisper")
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = judged(tmp_path, max_num_batched_tokens=step, max_num_seqs=8, max_model_len=448)
    assert found.verdict == verdict
