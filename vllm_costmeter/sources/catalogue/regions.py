"""Price and carbon intensity of electricity by region, from the package's dated table."""

from __future__ import annotations

import tomllib
from fractions import Fraction
from functools import cache

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.pricing.money import exact
from vllm_costmeter.sources.catalogue.load import PACKAGE_FOLDER

FILE = PACKAGE_FOLDER / "electricity.toml"


@dataclass(frozen=True, slots=True)
class Region:
    """The known values; None where unknown."""

    name: str
    usd_per_kwh: Fraction | None
    gco2e_per_kwh: Fraction | None
    source: str
    as_of: str


@cache
def regions() -> tuple[Region, ...]:
    """Every row of the table."""
    found = []
    for row in tomllib.loads(FILE.read_text("utf-8"))["region"]:
        facts = {key: row[key] for key in ("usd_per_kwh", "gco2e_per_kwh") if key in row}
        values = {key: exact(fact["value"]) for key, fact in facts.items()}
        origin = next(iter(facts.values()))
        name, usd, grams = row["name"], values.get("usd_per_kwh"), values.get("gco2e_per_kwh")
        found.append(Region(name, usd, grams, origin["source"], origin["as_of"]))
    return tuple(found)


def find_region(text: str) -> Region:
    """The region with this name. BadInputError lists the nearest and all known names."""
    by_name = {region.name.casefold(): region for region in regions()}
    found = by_name.get(text.strip().casefold())
    if found is None:
        names = [region.name for region in by_name.values()]
        raise BadInputError(f"unknown region {text!r}{nearest(text, names)}; known: {', '.join(names)}")
    return found
