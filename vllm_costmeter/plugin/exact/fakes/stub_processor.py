"""An image processor for models whose folder holds config.json alone.

Kimi K2.5's and K3's classes load theirs while vLLM asks how many images a prompt may have; no weight or cache depends
on it.
"""

from __future__ import annotations

from typing import Any


class EmptyImageProcessor:
    """Processes no image; what a model only stores of it is None."""

    media_tokens_calculator = None


def stand_in_for_missing_image_processors() -> None:
    """An image processor that cannot be loaded is an empty one. Needs vllm, before it imports models."""
    from vllm.transformers_utils import processor

    load = processor.cached_get_image_processor

    def cached_get_image_processor(*names: Any, **options: Any) -> Any:
        try:
            return load(*names, **options)
        except OSError:
            return EmptyImageProcessor()

    processor.cached_get_image_processor = cached_get_image_processor
