"""Models whose processors ask for a tokenizer while vLLM is configured."""

from __future__ import annotations

from vllm_costmeter.plugin.exact.fakes.stub_tokenizer import EmptyTokenizer


def test_no_token_is_known() -> None:
    """One token or several: none has an id, and the vocabulary is empty."""
    tokenizer = EmptyTokenizer()
    assert tokenizer.get_vocab() == {}
    assert tokenizer.convert_tokens_to_ids("<image>") is None
    assert tokenizer.convert_tokens_to_ids(["<image>", "<video>"]) == [None, None]
