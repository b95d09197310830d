"""Write refreshed prices to the user's catalogue file, in one marked block per feed and provider."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from vllm_costmeter.core.errors import BadInputError, unreadable
from vllm_costmeter.core.pricing.api_price import ApiPriceRow
from vllm_costmeter.core.pricing.money import json_number
from vllm_costmeter.core.pricing.quote import RentalQuote
from vllm_costmeter.sources.files.replaced import replace_file


def price_tables(rows: Iterable[RentalQuote]) -> str:
    """The quotes as `[[price]]` tables."""
    return "\n".join(
        "[[price]]\n"
        f"gpu = {_text(row.gpu)}\nprovider = {_text(row.provider)}\nterm = {_text(row.term)}\n"
        f"usd_per_gpu_hour = {row.usd_per_gpu_hour!r}\n"
        + (f"gpus = {row.gpus}\n" if row.gpus is not None else "")
        + f"as_of = {_text(row.as_of)}\nsource = {_text(row.source)}\n"
        for row in rows
    )


def api_tables(rows: Iterable[ApiPriceRow]) -> str:
    """The API prices as `[[api]]` tables."""
    return "\n".join(
        "[[api]]\n"
        f"provider = {_text(row.provider)}\nmodel = {_text(row.model)}\n"
        f"input = {json_number(row.input_usd_per_million)!r}\noutput = {json_number(row.output_usd_per_million)!r}\n"
        + (f"cached = {json_number(row.cached)!r}\n" if row.cached_usd_per_million is not None else "")
        + f"as_of = {_text(row.as_of)}\nsource = {_text(row.source)}\n"
        for row in rows
    )


def write_block(file: Path, name: str, tables: str) -> None:
    """Replace the block of that name by `tables`, or append it; the user's own lines are unchanged. The write
    is atomic. BadInputError if the result would not be valid TOML or cannot be written."""
    try:
        before = file.read_text("utf-8") if file.exists() else ""
    except (OSError, UnicodeDecodeError) as fault:
        raise unreadable(f"catalogue file {file}", fault) from None
    after = with_block(before, name, tables)
    try:
        tomllib.loads(after)
    except tomllib.TOMLDecodeError as fault:
        raise BadInputError(
            f"catalogue file {file}: not written, because the result would not be valid TOML: {fault}"
        ) from None
    try:
        replace_file(file, after)
    except OSError as fault:
        raise BadInputError(f"catalogue file {file}: cannot be written: {fault.strerror or fault}") from None


def with_block(text: str, name: str, tables: str) -> str:
    """The file's text with that block replaced or appended."""
    begin, end = (
        f"# {word} of what `costmeter prices update` wrote from {name}" for word in ("begin", "end")
    )
    block = f"{begin}\n{tables}{end}\n"
    pattern = re.compile(rf"^{re.escape(begin)}$.*?^{re.escape(end)}$\n?", re.MULTILINE | re.DOTALL)
    if pattern.search(text):
        return pattern.sub(lambda _: block, text, count=1)
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    return f"{text}{gap}{block}"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", " ", escaped) + '"'
