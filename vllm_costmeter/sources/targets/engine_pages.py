"""What an engine says of itself, page after page: its metrics, and what only other routes tell."""

from __future__ import annotations

import json

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engines.llama_cpp import LLAMA_CPP
from vllm_costmeter.core.engines.sample import EngineSample
from vllm_costmeter.core.engines.tgi import TGI
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.engines.read import read_sample
from vllm_costmeter.sources.targets.http_page import HttpPages, PageError


class EnginePages:
    """One target's samples.

    llama.cpp and TGI name their model elsewhere (/v1/models, /info). llama.cpp's server may sleep, and builds up to
    b10434 (of those run on 2026-11-28) wake when their metrics are read: /props is asked first, which never wakes it,
    and a sleeping server is left alone.
    """

    def __init__(self, pages: HttpPages, url: str) -> None:
        self._pages = pages
        self._url = url
        self._last: EngineSample | None = None
        self._model: tuple[str | None, str] | None = None
        """(process, name) of the last answer."""

    def sample(self) -> EngineSample:
        """Now. Raises PageError."""
        asleep = self._asleep()
        if asleep and self._last is not None:
            return _sleeping(self._last)
        try:
            text, headers = self._pages.get()
            found = read_sample(text, headers, self._url)
        except BadInputError as why:
            raise PageError("not_an_engine", str(why)) from None
        if asleep is not None:
            found = replace(found, engines=tuple(replace(each, asleep=asleep) for each in found.engines))
        if found.model_name is None:
            found = replace(found, model_name=self._named(found))
        self._last = found
        return found

    def close(self) -> None:
        """Close the connection."""
        self._pages.close()

    def _asleep(self) -> bool | None:
        """llama.cpp's state; None of any other engine, and if it does not say."""
        if self._last is None or self._last.engine != LLAMA_CPP.key:
            return None
        state = self._asked("/props").get("is_sleeping")
        return state if isinstance(state, bool) else None

    def _named(self, found: EngineSample) -> str | None:
        if self._model is not None and self._model[0] == found.process:
            return self._model[1]
        name: object = None
        if found.engine == LLAMA_CPP.key:
            models = self._asked("/v1/models").get("data")
            first = models[0] if isinstance(models, list) and models else None
            name = first.get("id") if isinstance(first, dict) else None
        elif found.engine == TGI.key:
            name = self._asked("/info").get("model_id")
        if not isinstance(name, str) or not name:
            return None if self._model is None else self._model[1]
        self._model = found.process, name
        return name

    def _asked(self, path: str) -> dict[str, object]:
        """A JSON object of another route; empty if it cannot be had."""
        try:
            answer = json.loads(self._pages.get(path)[0])
        except (PageError, ValueError, RecursionError):
            return {}
        return answer if isinstance(answer, dict) else {}


def _sleeping(last: EngineSample) -> EngineSample:
    """The same counts: a sleeping server does nothing."""
    return replace(
        last, engines=tuple(replace(each, running_requests=0.0, asleep=True) for each in last.engines)
    )
