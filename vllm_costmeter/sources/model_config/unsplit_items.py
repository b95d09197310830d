"""Reads the images, videos and audio clips that vLLM encodes within one step."""

from __future__ import annotations

from vllm_costmeter.core.model.unsplit_items import MOST_FRAMES, UnsplitItems
from vllm_costmeter.sources.model_config.reader import ConfigReader

_GEMMA_3_IMAGE_TOKENS, _GEMMA_4_IMAGE_TOKENS, _WHISPER_TOKENS = (
    256,
    280,
    1500,
)  # defaults of the config classes
_MOONDREAM_3_IMAGE_TOKENS = 730  # get_max_image_tokens of moondream3.py, 0.22.0 to 0.33.0
_GEMMA_4_FRAME_TOKENS = 70 + 2 + 6  # soft tokens, begin and end, time stamp: gemma4_mm.py, 0.19.0 to 0.33.0


def unsplit_items(root: ConfigReader, text: ConfigReader, model_type: str) -> UnsplitItems | None:
    """None for a model whose items may be split over steps, or are not known.

    Source: `is_mm_prefix_lm` and `get_mm_max_tokens_per_item` of 0.17.0 to 0.33.0, `SchedulerConfig` for
    encoder-decoders.
    """
    if model_type == "whisper":
        return UnsplitItems({"audio": root.int("max_source_positions", default=_WHISPER_TOKENS, minimum=1)})
    if model_type == "gemma3":
        return UnsplitItems(
            {"image": root.int("mm_tokens_per_image", default=_GEMMA_3_IMAGE_TOKENS, minimum=1)}
        )
    if model_type == "moondream3":
        return UnsplitItems({"image": _MOONDREAM_3_IMAGE_TOKENS})
    vision = root.optional_section("vision_config")
    if model_type == "paligemma":
        return None if vision is None else UnsplitItems({"image": _patches(vision)})
    if model_type != "gemma4" or text.raw("use_bidirectional_attention") != "vision":
        return None
    image = _GEMMA_4_IMAGE_TOKENS
    if vision is not None:
        image = vision.int("default_output_length", default=image, minimum=1)
    return UnsplitItems({"image": image, "video": MOST_FRAMES * _GEMMA_4_FRAME_TOKENS})


def _patches(vision: ConfigReader) -> int:
    """Image tokens of a SigLIP tower without pooling: the defaults are PaliGemma's for 224 pixels."""
    side = vision.int("image_size", default=224, minimum=1) // vision.int("patch_size", default=14, minimum=1)
    return side * side
