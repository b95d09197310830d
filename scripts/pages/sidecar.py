"""docs/sidecar.md: the text, and the table of what each engine tells, from the readers and the recorded pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from vllm_costmeter.core.engines.known import BY_KEY
from vllm_costmeter.core.engines.sample import EngineSample
from vllm_costmeter.sources.engines.read import read_sample

DATA = Path(__file__).resolve().parents[2] / "tests" / "data" / "engines"
ROWS = {
    "vLLM": r"vllm_([\d.]+)_after",
    "vLLM, several API servers": r"vllm_([\d.]+)_two-api-servers_after",
    "vLLM, Rust front end": r"vllm-rust_([\d.]+)_after",
    "vLLM in Ray Serve": r"vllm_([\d.]+)_ray-serve-[\d.]+_after",
    "SGLang": r"sglang_([\d.]+)_after",
    "llama.cpp (package xllamacpp)": r"llama.cpp_([\d.]+)_after",
    "trtllm-serve": r"trtllm-serve_(main)_written",
    "TGI": r"tgi_([\d.]+)_written",
}
"""Title -> the recorded pages. `written`: from the engine's source, not recorded."""
COLUMNS: dict[str, Callable[[EngineSample], bool]] = {
    "prompt, cached apart": lambda page: page.engines[0].cached_tokens is not None,
    "generated": lambda page: page.engines[0].generated_tokens is not None,
    "running requests": lambda page: page.engines[0].running_requests is not None,
    "KV usage": lambda page: page.engines[0].kv_cache_usage_ratio is not None,
    "KV capacity": lambda page: page.kv_capacity_tokens is not None,
    "sleep": lambda page: page.engines[0].asleep is not None,
    "model": lambda page: page.model_name is not None,
}


def engine_table() -> str:
    """One row for each engine, as Markdown."""
    head = ["engine", "seen", *COLUMNS, "tokens are counted"]
    lines = [head, ["---"] * len(head), *(_row(title, pattern) for title, pattern in ROWS.items())]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _row(title: str, pattern: str) -> list[str]:
    found = [(match[1], path) for path in DATA.glob("*.txt") if (match := re.fullmatch(pattern, path.stem))]
    found.sort(key=lambda each: [int(part) for part in re.findall(r"\d+", each[0])])
    pages = [(version, read_sample(path.read_text(), {}, path.name)) for version, path in found]
    engine = BY_KEY[pages[0][1].engine]
    routes = {"sleep": engine.sleep_at, "model": engine.model_at}
    versions = ", ".join(version for version, _ in pages)
    seen = f"{versions} (its source)" if "written" in pattern else versions
    cells = [
        _cell([(version, told(page)) for version, page in pages], routes.get(name, ""))
        for name, told in COLUMNS.items()
    ]
    return [title, seen, *cells, "live" if engine.counts_when == "live" else "when a request ends"]


def _cell(told: list[tuple[str, bool]], route: str) -> str:
    if all(has for _, has in told):
        return "yes"
    if any(has for _, has in told):
        return f"since {next(version for version, has in told if has)}"
    return f"`{route}`" if route else "no"


def sidecar() -> str:
    """The page."""
    return (Path(__file__).parent / "sidecar.md").read_text().replace("ENGINE_TABLE", engine_table())
