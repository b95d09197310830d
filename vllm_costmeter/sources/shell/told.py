"""Words that are not known, whose neighbours tell what they stand for: `$PYTHON -m vllm.entrypoints...`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from vllm_costmeter.sources.manifests.image import is_vllm_image
from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.serve_args.command import SERVER_MODULES

_MODULES = (*SERVER_MODULES, "vllm.entrypoints.cli.main")
_NAMES_VLLM = re.compile(r"vllm", re.IGNORECASE)


def told_words(words: Sequence[Word]) -> list[str]:
    """The words' texts, with `python` or `vllm` for a program that is not known where the words behind it say so."""
    texts = [word.text for word in words]
    for at, word in enumerate(words):
        if not is_placeholder(word):
            continue
        if _runs_a_module(texts[at + 1 :]):
            texts[at] = "python"
        elif texts[at + 1 : at + 2] == ["serve"] and _NAMES_VLLM.search(word.text):
            texts[at] = "vllm"
    return texts


def is_placeholder(word: Word) -> bool:
    """Whether nothing of the word is known."""
    return len(word.unknown) == 1 and word.text == word.unknown[0]


def runs_an_image(words: Sequence[Word]) -> bool:
    """Whether a program that is not known runs an image of vLLM, as `$ENGINE run ... vllm/vllm-openai` does."""
    if not words or not is_placeholder(words[0]) or len(words) < 2 or words[1].text not in ("run", "create"):
        return False
    return any(names_vllm_image(word.text) for word in words[2:])


def names_vllm_image(text: str) -> bool:
    """Whether a word is one of vLLM's images, with an owner or a tag: "vllm" alone is a name of many things."""
    return not text.startswith("-") and bool(re.search("[/:]", text)) and is_vllm_image(text)


def is_image(word: Word, images: Collection[str]) -> bool:
    """Whether a word of `docker run` is an image of vLLM, or a variable that holds one, or one called `IMAGE`."""
    name = re.sub(r"\W", "", word.text)
    return names_vllm_image(word.text) or (
        is_placeholder(word) and (name in images or "image" in name.casefold())
    )


def _runs_a_module(texts: Sequence[str]) -> bool:
    """Whether the words begin with Python's own options and a server's module."""
    at = 0
    while at < len(texts) and texts[at].startswith("-") and texts[at] != "-m":
        at += 2 if texts[at] in ("-X", "-W") else 1
    return texts[at : at + 1] == ["-m"] and texts[at + 1 : at + 2][:1] != [] and texts[at + 1] in _MODULES
