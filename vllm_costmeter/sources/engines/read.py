"""An engine's /metrics page as a sample."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping

from vllm_costmeter.core.engines.engine import PROCESS_START, Engine
from vllm_costmeter.core.engines.known import ENGINES
from vllm_costmeter.core.engines.sample import EngineCounts, EngineSample
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.servers.metrics_text import Page, parse_selected

PROCESS_HEADER = "Process-Start-Time-Unix"
"""llama.cpp's: microseconds of a clock, not Unix time, but another value is another process."""
MOST_ENGINES = 1024
_METRIC_LINE = re.compile(r"^[a-zA-Z_:][\w:]*(\{[^\n]*\})? +[-+0-9.eENaIinf]+", re.MULTILINE)
_NAMES = {engine.key: (*engine.names, PROCESS_START) for engine in ENGINES}


class NotAnEngineError(BadInputError):
    """The page was answered and is none of a known engine."""

    reason = "not_an_engine"


class NoCountersError(NotAnEngineError):
    """The page is an engine's and has no counters, which may be because it has just started."""

    reason = "no_counters"


def read_sample(text: str, headers: Mapping[str, str], place: str) -> EngineSample:
    """The sample of a page. Raises NotAnEngineError, with what the page is instead, for any other."""
    engine = _engine_of(text, place)
    page = parse_selected(text, _NAMES[engine.key], place)
    if engine.running not in page and engine.prompt not in page:
        raise NoCountersError(
            f"{place} is {engine.title}'s page, but has no tokens and no running requests: {engine.without_tokens}"
        )
    models = [] if engine.model_label is None else _values(page, engine, engine.model_label)
    if len(models) > 1:
        raise NotAnEngineError(
            f"{place} has several models ({', '.join(models[:3])}): one target is one server of one model"
        )
    start = page.total(PROCESS_START)
    capacity = engine.kv_capacity_tokens(page, {})
    counts = tuple(_counts(page, engine, index, of) for index, of in _engines(page, engine, place))
    return EngineSample(
        engine=engine.key,
        engines=counts,
        model_name=models[0] if models else None,
        process=headers.get(PROCESS_HEADER) or (None if start is None else repr(start)),
        started_unix_seconds=start,
        kv_capacity_tokens=None if capacity is None else int(capacity) * len(counts),
        has_plugin="\ncostmeter_gpu_seconds_total{" in text,
    )


def _engine_of(text: str, place: str) -> Engine:
    for engine in ENGINES:
        if re.search(rf"^{engine.prefix}\w", text, re.MULTILINE):
            return engine
    if re.search(r"^request_success_total\{engine_type=", text, re.MULTILINE):
        raise NotAnEngineError(
            f"{place} is an older trtllm-serve's page, which counts no tokens: use 1.3 or newer"
        )
    if text.lstrip().startswith("["):
        raise NotAnEngineError(f"{place} is JSON: trtllm-serve's metrics are at /prometheus/metrics")
    known = ", ".join(dict.fromkeys(engine.title.split(" (")[0] for engine in ENGINES))
    if _METRIC_LINE.search(text):
        raise NotAnEngineError(f"{place} is a metrics page, but of none of the known engines ({known})")
    shown = " ".join(text[:60].split())[:40]
    raise NotAnEngineError(f"{place} is not a metrics page ({shown!r}); an engine's ends in /metrics")


def _engines(page: Page, engine: Engine, place: str) -> list[tuple[int, dict[str, str]]]:
    """(index, labels) of each data-parallel engine."""
    names = [] if engine.engine_label is None else _values(page, engine, engine.engine_label)
    if len(names) > MOST_ENGINES:
        raise NotAnEngineError(
            f"{place} has {len(names)} data-parallel engines; at most {MOST_ENGINES} are read"
        )
    if engine.engine_label is None or not names:
        return [(0, {})]
    by_number = sorted(names, key=lambda name: (len(name), name))
    return [(_index(name), {engine.engine_label: name}) for name in by_number]


def _index(name: str) -> int:
    """The same for the same name, whoever comes and goes beside it."""
    return int(name) if name.isdecimal() and len(name) < 10 else zlib.crc32(name.encode()) + 10**9


def _values(page: Page, engine: Engine, label: str) -> list[str]:
    found = [page.label_values(name, label) for name in (engine.running, engine.prompt, engine.generated)]
    return list(dict.fromkeys(value for values in found for value in values))


def _counts(page: Page, engine: Engine, index: int, of: Mapping[str, str]) -> EngineCounts:
    def told(name: str | None) -> float | None:
        return None if name is None else page.total(name, **of)

    awake: float | None = None
    if engine.awake is not None:
        gauge, state, awake_value = engine.awake
        awake = page.total(gauge, **of, **{state: awake_value})
    ended: dict[str, float | None] = {}
    for outcome, (name, label, values) in engine.outcomes.items():
        parts = (
            [told(name)] if label is None else [page.total(name, **of, **{label: value}) for value in values]
        )
        known = [part for part in parts if part is not None]
        ended[f"{outcome}_requests"] = sum(known) if known else None
    return EngineCounts(
        index=index,
        prompt_tokens=told(engine.prompt),
        cached_tokens=told(engine.cached),
        generated_tokens=told(engine.generated),
        running_requests=told(engine.running),
        waiting_requests=told(engine.waiting),
        kv_cache_usage_ratio=told(engine.kv_usage),
        asleep=None if awake is None else awake == 0,
        **ended,
    )
