"""What an engine says of itself, page after page: its metrics, and what only other routes tell."""

from __future__ import annotations

import json

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engines.known import BY_KEY
from vllm_costmeter.core.engines.sample import EngineSample
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
            raise PageError(getattr(why, "reason", "not_an_engine"), str(why)) from None
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
        """None of an engine that tells it on its page or not at all, and if it does not say."""
        route = "" if self._last is None else BY_KEY[self._last.engine].sleep_at
        state = self._asked(route).get("is_sleeping") if route else None
        return state if isinstance(state, bool) else None

    def _named(self, found: EngineSample) -> str | None:
        """As /v1/models of OpenAI's API or TGI's /info says, asked once for each process."""
        known = self._model
        if known is not None and known[0] == found.process:
            return known[1]
        route = BY_KEY[found.engine].model_at
        answer = self._asked(route) if route else {}
        models = answer.get("data")
        first = models[0] if isinstance(models, list) and models else None
        name = first.get("id") if isinstance(first, dict) else answer.get("model_id")
        if not isinstance(name, str) or not name:
            return None if known is None else known[1]
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
