"""The catalogue: the package's GPUs and rental prices, which the user's rows override."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.sources.catalogue.compiled import CompiledGpus, compiled_gpus
from vllm_costmeter.sources.gpu.text import folded_name, split_count

if TYPE_CHECKING:
    from vllm_costmeter.core.pricing.quote import RentalQuote
    from vllm_costmeter.sources.gpu.names import GpuNames

USER_FILE_VARIABLE = "COSTMETER_CATALOGUE"
PACKAGE_FOLDER = Path(__file__).parent.parent.parent / "catalogue"
GPUS_FILE = "gpus.json"
"""gpus/*.toml compiled into one file that loads in milliseconds (`scripts/catalogue/compile_gpus.py`)."""

MOST_LISTED = 12
"""How many GPUs the error for an ambiguous name lists; it counts the others."""


class Catalogue:
    """GPUs and prices; each file is read once, when first needed.

    `user_file` has `[[card]]`, `[[price]]` and `[[api]]` tables in the package's format. The facts given for
    a known GPU replace the package's, fact by fact; the user's prices come first in the choice of a default.
    """

    def __init__(self, user_file: Path | None = None, folder: Path = PACKAGE_FOLDER) -> None:
        self._user_file = user_file
        self._folder = folder
        self._known: dict[str, GpuSpec] = {}

    @property
    def user_file(self) -> Path | None:
        """The user's file, which takes precedence over the package's rows; None if there is none."""
        return self._user_file

    @property
    def user_api_rows(self) -> list[dict[str, Any]]:
        """The unvalidated `[[api]]` tables of the user's file."""
        return self._user_rows.get("api", [])

    @cached_property
    def _user_rows(self) -> dict[str, list[dict[str, Any]]]:
        return _read_user_file(self._user_file) if self._user_file else {}

    @cached_property
    def gpus(self) -> tuple[GpuSpec, ...]:
        """Every GPU, the package's first, with the user's facts. BadInputError for an invalid file."""
        return tuple(self._gpu(key) for key in self._keys)

    @property
    def _keys(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._package.keys, *self._user_gpus)))

    @cached_property
    def _package(self) -> CompiledGpus:
        return compiled_gpus(self._folder / GPUS_FILE)

    @cached_property
    def _user_gpus(self) -> dict[str, list[dict[str, Any]]]:
        """The fields in the user's rows, by folded name."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self._user_rows.get("card", []):
            from vllm_costmeter.sources.catalogue.rows import parse_gpu

            fields = parse_gpu(row, str(self._user_file), user=True)
            found.setdefault(folded_name(fields["name"]), []).append(fields)
        return found

    @cached_property
    def _names(self) -> GpuNames:
        from vllm_costmeter.sources.gpu.names import GpuNames, spellings

        names = GpuNames()
        for key, spelt in self._package.spelt.items():
            names.add(key, spelt)
        for row in self._user_rows.get("card", []):
            names.add(folded_name(row["name"]), spellings(row))
        return names

    def _gpu(self, key: str) -> GpuSpec:
        if key not in self._known:
            gpu = self._package.spec(key) if key in self._package else None
            for fields in self._user_gpus.get(key, ()):
                from vllm_costmeter.sources.catalogue.rows import merge_gpu

                name = gpu.name if gpu else fields["name"]
                gpu = merge_gpu(gpu, {**fields, "name": name}, str(self._user_file))
            assert gpu is not None
            self._known[key] = gpu
        return self._known[key]

    @cached_property
    def prices(self) -> tuple[RentalQuote, ...]:
        """Every quote, the user's first, with its GPU's catalogue name. BadInputError for an invalid file."""
        from vllm_costmeter.sources.catalogue.rows import package_prices, parse_price

        users = [
            parse_price(row, str(self._user_file), number, user=True)
            for number, row in enumerate(self._user_rows.get("price", []), 1)
        ]
        named = tuple(replace(row, gpu=self.find(row.gpu).name) for row in users)
        return named + package_prices(self._folder / "prices.toml")

    def matching(self, text: str) -> tuple[GpuSpec, ...]:
        """The GPU with this name, or all that it may mean: two for "RTX 4060 Ti", four for "A100"."""
        key = folded_name(text)
        if key in self._package or key in self._user_gpus:
            return (self._gpu(key),)
        return tuple(self._gpu(key) for key in self._names.matching(text))

    def find(self, text: str) -> GpuSpec:
        """The GPU with this name, or the MIG slice of one ("H100 SXM MIG 3g.40gb"). BadInputError lists the candidates
        or the nearest names."""
        if "g." in text.casefold():
            from vllm_costmeter.sources.catalogue.mig import having_profile, slice_spec, split_slice

            part = split_slice(text)
            if part is not None:
                name, profile = part
                return slice_spec(self._one(name, having_profile(self.matching(name), profile)), profile)
        return self._one(text, self.matching(text))

    def _one(self, text: str, found: Sequence[GpuSpec]) -> GpuSpec:
        if len(found) == 1:
            return found[0]
        from vllm_costmeter.sources.gpu.label_values import LABEL_VALUES

        if (name := LABEL_VALUES.get(text.strip().casefold())) is not None:
            return self.find(name)
        if found:
            names = ", ".join(gpu.name for gpu in found[:MOST_LISTED])
            more = f" and {len(found) - MOST_LISTED} more" if len(found) > MOST_LISTED else ""
            raise BadInputError(f"{text!r} is ambiguous: {names}{more}; give one of them")
        raise BadInputError(f"unknown GPU {text!r:.80}{self._near(text[:80])}. `costmeter gpus` lists all")

    def _near(self, text: str) -> str:
        """The nearest catalogue names, with or without the series before the number."""
        import difflib

        near = difflib.get_close_matches(text.casefold(), self._short_names, n=5, cutoff=0.6)
        found = list(dict.fromkeys(self._short_names[spelt] for spelt in near))[:3]
        return f"; nearest: {', '.join(found)}" if found else ""

    @cached_property
    def _short_names(self) -> dict[str, str]:
        """The catalogue's names by themselves without the series, and by their aliases."""
        names: dict[str, str] = {}
        for gpu in self.gpus:
            bare = re.sub(r"^(rtx|gtx|rx|quadro rtx) ", "", gpu.name.casefold())
            names |= dict.fromkeys((bare, *map(str.casefold, (gpu.name, *gpu.aliases))), gpu.name)
        return names

    def for_driver_name(self, name: str, memory_bytes: int | None = None) -> GpuSpec | None:
        """The GPU with this driver name; None for a MIG slice or a GPU not in the catalogue.

        Drivers use one name for the RTX 4060 Ti with 8 and with 16 GB: the result is the one nearest to
        `memory_bytes`, else the first listed.
        """
        wanted = folded_name(name)
        found = [gpu for gpu in self.gpus if any(wanted == folded_name(text) for text in gpu.driver_names)]
        if memory_bytes is not None:
            found.sort(key=lambda gpu: abs((gpu.memory_bytes or 0) - memory_bytes))
        return found[0] if found else None

    @property
    def priced_gpus(self) -> tuple[GpuSpec, ...]:
        """The GPUs with a price, in quote order."""
        return tuple(self.find(name) for name in dict.fromkeys(row.gpu for row in self.prices))

    def default_price(self, gpu: GpuSpec, gpus: int = 1) -> RentalQuote | None:
        """The default rental price of `gpu` in a machine with this many GPUs; see `choose_default`."""
        from vllm_costmeter.core.pricing.quote import choose_default

        own = choose_default((row for row in self.prices if row.gpu == gpu.name), gpus)
        return own or choose_default(self.quotes(gpu), gpus)

    def quotes(self, gpu: GpuSpec) -> tuple[RentalQuote, ...]:
        """All quotes for `gpu`; for a MIG slice also the whole GPU's, by the slice's part of it."""
        rows = tuple(row for row in self.prices if row.gpu == gpu.name)
        if not gpu.is_slice:
            return rows
        from vllm_costmeter.sources.catalogue.mig import memory_share, slice_quote, split_slice

        name, profile = split_slice(gpu.name) or (gpu.name, "")
        whole = self.find(name)
        share = memory_share(whole, profile)
        return (*rows, *(slice_quote(row, gpu, share) for row in self.quotes(whole)))


def _read_user_file(file: Path) -> dict[str, list[dict[str, Any]]]:
    from vllm_costmeter.sources.catalogue.rows import reject_unknown
    from vllm_costmeter.sources.files.toml import read_toml

    rows = read_toml(file, "catalogue file")
    reject_unknown(rows, ("card", "price", "api"), str(file))
    for key, tables in rows.items():
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise BadInputError(f"{file}: write [[{key}]] above each {key}")
    return rows


_loaded: dict[str, Catalogue] = {}


def load_catalogue(environ: Mapping[str, str] | None = None) -> Catalogue:
    """The package's catalogue, with the rows of the file named by COSTMETER_CATALOGUE if set."""
    user_file = (os.environ if environ is None else environ).get(USER_FILE_VARIABLE, "")
    if user_file not in _loaded:
        _loaded[user_file] = Catalogue(Path(user_file) if user_file else None)
    return _loaded[user_file]


def find_gpu(text: str) -> GpuSpec:
    """The GPU with this name: `find_gpu("4090")`. BadInputError lists the nearest names."""
    return load_catalogue().find(text)


def parse_gpu(text: str) -> tuple[GpuSpec, int]:
    """A GPU and a count: "RTX 4090", "H100 SXM:8", "8x RTX 4090". BadInputError if not valid."""
    name, count = split_count(text)
    return find_gpu(name), count


def gpu_for_nvml_name(name: str, memory_bytes: int | None = None) -> GpuSpec | None:
    """The catalogue's GPU for a name and memory from NVML; None if not listed or a MIG slice."""
    return load_catalogue().for_driver_name(name, memory_bytes)


def default_price(gpu: GpuSpec, gpus: int = 1) -> RentalQuote | None:
    """The dated quote that applies to `gpu` if no price is set; None if the catalogue has none."""
    return load_catalogue().default_price(gpu, gpus)
