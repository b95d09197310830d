"""A tokenizer that knows no token, for processors that ask for one while vLLM configures a model without it.

InternVL's asks whether its video token exists (`get_supported_mm_limits`); no weight or cache depends on the answer.
"""

from __future__ import annotations

from typing import Any


class EmptyTokenizer:
    """Has an empty vocabulary; anything else that is asked of it is an AttributeError."""

    def get_vocab(self) -> dict[str, int]:
        return {}

    def convert_tokens_to_ids(self, tokens: Any) -> Any:
        """Unknown, for one token or for each of several."""
        return None if isinstance(tokens, str) else [None for _ in tokens]


def stand_in_for_missing_tokenizers() -> None:
    """Processing contexts without a tokenizer hand out an empty one. Needs vllm."""
    from vllm.multimodal.processing import InputProcessingContext

    def get_tokenizer(self: Any) -> Any:
        return self.tokenizer or EmptyTokenizer()

    InputProcessingContext.get_tokenizer = get_tokenizer
