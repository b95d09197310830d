"""API token prices: the rows of the user's catalogue file, then the package's."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from typing import Any

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.api_price import ApiPriceRow, prices_of
from vllm_costmeter.core.pricing.money import at_least_zero
from vllm_costmeter.sources.catalogue import values
from vllm_costmeter.sources.catalogue.load import PACKAGE_FOLDER, Catalogue, load_catalogue
from vllm_costmeter.sources.catalogue.rows import reject_unknown

PACKAGE_FILE = PACKAGE_FOLDER / "api_prices.toml"
KEYS = ("provider", "model", "input", "output", "cached", "as_of", "source", "verified")


@cache
def package_api_prices() -> tuple[ApiPriceRow, ...]:
    """All rows that come with the package."""
    found = tomllib.loads(PACKAGE_FILE.read_text("utf-8"))
    shared = {"source": found["source"], "as_of": found["as_of"]}
    return tuple(
        parse_api_price(shared | row, f"{PACKAGE_FILE.name}: row {n}")
        for n, row in enumerate(found["api"], 1)
    )


def parse_api_price(row: Mapping[str, Any], where: str, *, user: bool = False) -> ApiPriceRow:
    """Parse one row, in USD per million tokens. BadInputError names the row and the key."""
    reject_unknown(row, KEYS, where)
    provider, model = (values.read(row, key, where, values.text) for key in ("provider", "model"))
    usd = {key: _usd(row, key, where) for key in ("input", "output", "cached")}
    if usd["input"] is None or usd["output"] is None:
        raise BadInputError(f"{where}: input and output are required, in USD per million tokens")
    return ApiPriceRow(
        model=model,
        provider=provider,
        input_usd_per_million=usd["input"],
        output_usd_per_million=usd["output"],
        cached_usd_per_million=usd["cached"],
        as_of=values.read(row, "as_of", where, values.as_of),
        source=values.read(row, "source", where, values.text) if "source" in row else where.partition(":")[0],
        verified=values.read(row, "verified", where, values.truth) if "verified" in row else True,
        from_user=user,
    )


def _usd(row: Mapping[str, Any], key: str, where: str) -> Fraction | None:
    return at_least_zero(row[key], f"{where}: {key}") if key in row else None


def api_prices(catalogue: Catalogue | None = None) -> list[ApiPriceRow]:
    """The `[[api]]` tables of the user's catalogue file, then the package's rows."""
    catalogue = catalogue or load_catalogue()
    own = enumerate(catalogue.user_api_rows, 1)
    yours = [parse_api_price(row, f"{catalogue.user_file}: api {number}", user=True) for number, row in own]
    return [*yours, *package_api_prices()]


def chosen_api_price(provider: str, model: str | None, served_name: str) -> ApiPriceRow:
    """The provider's row to compare a server with: for `model`, by default the served model's name."""
    return prices_of(api_prices(), model or served_name, provider)[0]
