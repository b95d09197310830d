"""A tokenizer that knows no token, for processors that ask for one while vLLM configures a model without it.

InternVL's asks whether its video token exists (`get_supported_mm_limits`), DeepSeek-OCR and Isaac look their image
tokens up and Nemotron Nano VL encodes the marks of an image while they are built; no weight or cache depends on the
answer.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any


class EmptyTokenizer:
    """Has an empty vocabulary; anything else that is asked of it is an AttributeError."""

    @property
    def vocab(self) -> dict[str, int]:
        """A token that a model insists on is 0."""
        return defaultdict(int)

    def get_vocab(self) -> dict[str, int]:
        return {}

    def convert_tokens_to_ids(self, tokens: Any) -> Any:
        """Unknown, for one token or for each of several."""
        return None if isinstance(tokens, str) else [None for _ in tokens]

    def encode(self, text: str, **options: Any) -> list[int]:
        """Any text is one token, 0."""
        return [0]

    def decode(self, token: int) -> str:
        """Nothing, whatever the token."""
        return ""


def stand_in_for_missing_tokenizers() -> None:
    """Processing contexts without a tokenizer hand out an empty one, and models read one. Needs vllm."""
    from vllm import tokenizers
    from vllm.multimodal.processing import InputProcessingContext

    of_config = tokenizers.cached_tokenizer_from_config

    def cached_tokenizer_from_config(model_config: Any, **options: Any) -> Any:
        return of_config(model_config, **options) or EmptyTokenizer()

    def get_tokenizer(self: Any) -> Any:
        return self.tokenizer or EmptyTokenizer()

    InputProcessingContext.get_tokenizer = get_tokenizer
    tokenizers.cached_tokenizer_from_config = cached_tokenizer_from_config
