"""Convert public price lists to catalogue rows: skypilot's and gpuhunt's CSV files, litellm's price map."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.pricing.api_price import ApiPriceRow
from vllm_costmeter.core.pricing.money import exact
from vllm_costmeter.core.pricing.quote import RentalQuote
from vllm_costmeter.sources.catalogue.load import Catalogue
from vllm_costmeter.sources.catalogue.rows import LARGEST_USD_PER_GPU_HOUR
from vllm_costmeter.sources.files.csv_fault import csv_or_fault
from vllm_costmeter.sources.manifests.gpus.instances import gpu_of_instance

FEEDS = ("skypilot", "gpuhunt", "litellm")


@dataclass(slots=True)
class Rented:
    """The rows of a rental price feed."""

    rows: list[RentalQuote] = field(default_factory=list)
    unknown_gpus: set[str] = field(default_factory=set)
    """Names missing from the catalogue or ambiguous; their rows are omitted."""


def skypilot(text: str, place: str, provider: str | None, as_of: str, catalogue: Catalogue) -> Rented:
    """skypilot-catalog's vms.csv: one row per instance type and region, priced per instance. The cheapest
    region of each GPU and count is used; spot prices are separate rows. The provider is the name of the
    file's folder (.../lambda/vms.csv)."""
    named = provider or _folder(place)
    found = Rented()
    for row in _rows(text, place, ("AcceleratorName", "AcceleratorCount", "Price"), "skypilot's vms.csv"):
        count = _whole(row["AcceleratorCount"])
        if not row["AcceleratorName"] or not count:
            continue
        for column, term in (("Price", "on-demand"), ("SpotPrice", "spot")):
            usd = _price(row.get(column))
            if usd is not None:
                source = f"skypilot-catalog {named}, {row.get('InstanceType') or 'instance'}, {row.get('Region') or ''}"
                names, instance = (row["AcceleratorName"],), row.get("InstanceType") or ""
                quote = RentalQuote("", named, term, float(usd / count), as_of, source, count, from_user=True)
                _add(found, catalogue, names, instance, quote)
    return _cheapest(found)


def gpuhunt(text: str, place: str, provider: str | None, as_of: str, catalogue: Catalogue) -> Rented:
    """gpuhunt's PROVIDER.csv: one row per offer, priced per instance, `spot` True or False."""
    named = provider or re.sub(r"\.csv.*", "", place.rstrip("/").rpartition("/")[2])
    found = Rented()
    for row in _rows(text, place, ("gpu_name", "gpu_count", "price", "spot"), "gpuhunt's catalogue"):
        count, usd = _whole(row["gpu_count"]), _price(row["price"])
        if not row["gpu_name"] or not count or usd is None:
            continue
        memory = _whole(row.get("gpu_memory"))
        names = (f"{row['gpu_name']}-{memory}GB", row["gpu_name"]) if memory else (row["gpu_name"],)
        term = "spot" if row["spot"].strip().lower() == "true" else "on-demand"
        who = row.get("provider") or named
        source = f"gpuhunt {who}, {row.get('instance_name') or 'offer'}, {row.get('location') or ''}"
        quote = RentalQuote("", who, term, float(usd / count), as_of, source, count, from_user=True)
        _add(found, catalogue, names, row.get("instance_name") or "", quote)
    return _cheapest(found)


def litellm(text: str, place: str, providers: Iterable[str], as_of: str) -> list[ApiPriceRow]:
    """litellm's model_prices_and_context_window.json: chat models of these providers with a price above 0."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise BadInputError(
            f"{place} is truncated or not JSON: give litellm's model_prices_and_context_window.json"
        ) from None
    entries = values if isinstance(values, dict) else {}
    wanted = set(providers)
    found = []
    for key, entry in entries.items():
        if (
            isinstance(entry, dict)
            and str(entry.get("litellm_provider")) in wanted
            and entry.get("mode") == "chat"
        ):
            row = _api_row(key, entry, as_of)
            if row is not None:
                found.append(row)
    if not found:
        raise BadInputError(
            f"{place} has no chat model of {', '.join(sorted(wanted))}: is it litellm's price map?"
        )
    return found


def _api_row(key: str, entry: Mapping[str, Any], as_of: str) -> ApiPriceRow | None:
    provider = str(entry["litellm_provider"])
    names = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost")
    into, out, cached = (_price(entry.get(name), least=0) for name in names)
    if into is None or out is None or not (into or out):
        return None
    return ApiPriceRow(
        model=key.removeprefix(f"{provider}/"),
        provider=provider,
        input_usd_per_million=into * 1_000_000,
        output_usd_per_million=out * 1_000_000,
        cached_usd_per_million=None if cached is None else cached * 1_000_000,
        as_of=as_of,
        source="litellm's price map (MIT)",
        from_user=True,
    )


def _add(
    found: Rented, catalogue: Catalogue, names: tuple[str, ...], instance: str, quote: RentalQuote
) -> None:
    """Add `quote` under the catalogue's GPU name for the first of `names` that matches one."""
    gpu = next((gpu for name in names if (gpu := _named(catalogue, name, instance)) is not None), None)
    if gpu is None:
        found.unknown_gpus.add(names[-1])
    elif quote.usd_per_gpu_hour <= LARGEST_USD_PER_GPU_HOUR:
        found.rows.append(replace(quote, gpu=gpu, source=quote.source.rstrip(", ")))


def _named(catalogue: Catalogue, name: str, instance: str) -> str | None:
    """The GPU that a feed calls `name`. Feeds use one name for every 80 GB A100; the instance's name then
    decides: RunPod's "NVIDIA A100 80GB PCIe", Lambda's "gpu_1x_h100_pcie", Azure's
    "Standard_NC24ads_A100_v4"."""
    found = {gpu.name for gpu in catalogue.matching(name)}
    if len(found) > 1:
        known = gpu_of_instance(instance)
        spelt = catalogue.matching(re.sub(r"^gpu_\d+x_", "", instance)) if known is None else (known,)
        found &= {gpu.name for gpu in spelt}
    return found.pop() if len(found) == 1 else None


def _cheapest(found: Rented) -> Rented:
    best: dict[tuple[object, ...], RentalQuote] = {}
    for row in sorted(found.rows, key=lambda row: (row.usd_per_gpu_hour, row.source)):
        best.setdefault((row.gpu, row.provider, row.term, row.gpus), row)
    found.rows = sorted(best.values(), key=lambda row: (row.gpu, row.provider, row.term, row.gpus or 0))
    return found


def _rows(text: str, place: str, needed: tuple[str, ...], what: str) -> Iterator[dict[str, str]]:
    with csv_or_fault(place):
        reader = csv.DictReader(io.StringIO(text))
        titles = reader.fieldnames or ()
        missing = [name for name in needed if name not in titles]
        if missing:
            raise BadInputError(f"{place} is not {what}: it has no column {missing[0]!r}")
        for row in reader:
            if any(row[name] is None for name in needed):
                raise BadInputError(f"{place}, line {reader.line_num}: cut off")
            yield {key: value or "" for key, value in row.items() if isinstance(key, str)}


def _price(value: Any, least: int | None = None) -> Fraction | None:
    try:
        usd = exact(value)
    except (ValueError, TypeError):
        return None
    return usd if (usd >= 0 if least == 0 else usd > 0) else None


def _whole(value: Any) -> int:
    try:
        number = exact(value)
    except (ValueError, TypeError):
        return 0
    return int(number) if number.denominator == 1 and 0 < number <= 4096 else 0


def _folder(place: str) -> str:
    parts = [part for part in re.split(r"[/\\]", place) if part]
    if len(parts) < 2 or parts[-2] in ("tmp", ".", "catalogs"):
        raise BadInputError(f"{place} does not name the provider: add --provider, such as --provider lambda")
    return parts[-2]
