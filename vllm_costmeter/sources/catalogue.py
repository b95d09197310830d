"""The catalogue: cards and rental prices from the package's TOML, with the user's own rows over them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from vllm_costmeter.core.card import Card
from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.price_row import PriceRow, choose_default
from vllm_costmeter.sources.catalogue_rows import merge_card, parse_card, parse_price, reject_unknown
from vllm_costmeter.sources.gpu_text import folded_name, split_count
from vllm_costmeter.sources.toml_file import read_toml

USER_FILE_VARIABLE = "COSTMETER_CATALOGUE"
PACKAGE_FOLDER = Path(__file__).parent.parent / "catalogue"


class Catalogue:
    """Cards and prices; each file is read when something in it is first asked for, and only once.

    `user_file` holds `[[card]]`, `[[price]]` and `[[api]]` tables of the same shape as the package's: a card of a
    known name replaces the facts it gives and keeps the others; a price goes before the package's as a default.
    """

    def __init__(self, user_file: Path | None = None, folder: Path = PACKAGE_FOLDER) -> None:
        self._user_file = user_file
        self._folder = folder

    @property
    def user_file(self) -> Path | None:
        """The file whose rows go before the package's; None where the user has none."""
        return self._user_file

    @property
    def user_api_rows(self) -> list[dict[str, Any]]:
        """Its `[[api]]` tables, as they are."""
        return self._user_rows.get("api", [])

    @cached_property
    def _user_rows(self) -> dict[str, list[dict[str, Any]]]:
        return _read_user_file(self._user_file) if self._user_file else {}

    @cached_property
    def cards(self) -> tuple[Card, ...]:
        """Every card, the package's first, each with the user's facts over ours. BadInputError for a bad file."""
        file = self._folder / "gpus.toml"
        found = {}
        for row in tomllib.loads(file.read_text("utf-8"))["card"]:
            fields = parse_card(row, file.name)
            found[folded_name(fields["name"])] = merge_card(None, fields, file.name)
        for row in self._user_rows.get("card", []):
            fields = parse_card(row, str(self._user_file), user=True)
            known = found.get(folded_name(fields["name"]))
            if known is not None:
                fields["name"] = known.name
            found[folded_name(fields["name"])] = merge_card(known, fields, str(self._user_file))
        return tuple(found.values())

    @cached_property
    def prices(self) -> tuple[PriceRow, ...]:
        """Every quote, the user's first, each under its card's catalogue name. BadInputError for a bad file."""
        file = self._folder / "prices.toml"
        users = [
            parse_price(row, str(self._user_file), number, user=True)
            for number, row in enumerate(self._user_rows.get("price", []), 1)
        ]
        ours = [
            parse_price(row, file.name, number)
            for number, row in enumerate(tomllib.loads(file.read_text("utf-8"))["price"], 1)
        ]
        return tuple(replace(row, gpu=self.find(row.gpu).name) for row in users) + tuple(ours)

    @cached_property
    def _by_folded_name(self) -> dict[str, Card]:
        names: dict[str, Card] = {}
        for card in self.cards:
            spelt = (card.name, *card.driver_names, *card.aliases)
            if card.nominal_gb is not None:
                spelt += (f"{card.name} {card.nominal_gb:g}GB",)
            for name in spelt:
                names.setdefault(folded_name(name), card)
        return names

    def find(self, text: str) -> Card:
        """The card that this spelling names. BadInputError with the nearest names where there is none."""
        card = self._by_folded_name.get(folded_name(text))
        if card is not None:
            return card
        raise BadInputError(f"unknown GPU {text!r}{self._near(text)}. `costmeter gpus` lists all")

    def _near(self, text: str) -> str:
        """Cards whose name begins so ("A100" is three cards), else those spelt nearly so."""
        begins = folded_name(text)
        same_family = [
            card.name for card in self.cards if begins and folded_name(card.name).startswith(begins)
        ]
        if same_family:
            return f"; nearest: {', '.join(same_family)}"
        return nearest(text, [name for card in self.cards for name in (card.name, *card.aliases)])

    def for_driver_name(self, name: str) -> Card | None:
        """The card that the driver calls `name`; None for a card not in the catalogue and for a MIG slice."""
        wanted = folded_name(name)
        return next(
            (card for card in self.cards if wanted in map(folded_name, card.driver_names)),
            None,
        )

    def default_price(self, card: Card, gpus: int = 1) -> PriceRow | None:
        """What renting `card` costs when nobody says, in a machine of so many: see `choose_default`."""
        return choose_default((row for row in self.prices if row.gpu == card.name), gpus)


def _read_user_file(file: Path) -> dict[str, list[dict[str, Any]]]:
    rows = read_toml(file, "catalogue file")
    reject_unknown(rows, ("card", "price", "api"), str(file))
    for key, tables in rows.items():
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise BadInputError(f"{file}: write [[{key}]] above each {key}")
    return rows


_loaded: dict[str, Catalogue] = {}


def load_catalogue(environ: Mapping[str, str] | None = None) -> Catalogue:
    """The package's catalogue with the rows of the file that COSTMETER_CATALOGUE names, if it names one."""
    user_file = (os.environ if environ is None else environ).get(USER_FILE_VARIABLE, "")
    if user_file not in _loaded:
        _loaded[user_file] = Catalogue(Path(user_file) if user_file else None)
    return _loaded[user_file]


def find_gpu(text: str) -> Card:
    """The card that this spelling names: `find_gpu("4090")`. BadInputError with the nearest names."""
    return load_catalogue().find(text)


def parse_gpu(text: str) -> tuple[Card, int]:
    """A card and how many: "RTX 4090", "H100 SXM:8", "8x RTX 4090". BadInputError for a bad name or count."""
    name, count = split_count(text)
    return find_gpu(name), count


def card_for_nvml_name(name: str) -> Card | None:
    """The catalogue's card for a name as NVML gives it; None where it has none (or for a MIG slice)."""
    return load_catalogue().for_driver_name(name)


def default_price(card: Card, gpus: int = 1) -> PriceRow | None:
    """The dated quote that prices `card` when its owner says nothing; None where the catalogue has none."""
    return load_catalogue().default_price(card, gpus)
