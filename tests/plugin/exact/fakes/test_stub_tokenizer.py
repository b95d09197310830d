"""Models whose processors ask for a tokenizer while vLLM is configured."""

from __future__ import annotations

from vllm_costmeter.plugin.exact.fakes.stub_tokenizer import EmptyTokenizer


def test_no_token_is_known() -> None:
    """One token or several: none has an id, and the vocabulary is empty."""
    tokenizer = EmptyTokenizer()
    assert tokenizer.get_vocab() == {}
    assert tokenizer.convert_tokens_to_ids("<image>") is None
    assert tokenizer.convert_tokens_to_ids(["<image>", "<video>"]) == [None, None]


def test_a_token_that_a_model_insists_on_is_zero() -> None:
    """DeepSeek-OCR reads its image token of the vocabulary while it is built, Isaac encodes its own."""
    assert EmptyTokenizer().vocab["<image>"] == 0
    assert EmptyTokenizer().encode("<image>", add_special_tokens=False) == [0]


def test_every_token_reads_as_nothing() -> None:
    """Kimi K3 decodes its image token while vLLM asks for its limits."""
    assert EmptyTokenizer().decode(901) == ""
