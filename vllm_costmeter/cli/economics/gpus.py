"""`costmeter gpus`: the GPUs in the catalogue, or one of them with the source of every fact."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

from vllm_costmeter.cli.economics.answer_flags import add_format_flag
from vllm_costmeter.cli.economics.price_flags import money_or_zero
from vllm_costmeter.cli.economics.typed_flags import typed
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.pricing.quote import RentalQuote
from vllm_costmeter.outputs.economics import gpu_listing
from vllm_costmeter.outputs.economics.answer import Format
from vllm_costmeter.outputs.text.csv_rows import csv_text
from vllm_costmeter.sources.catalogue.load import load_catalogue, parse_gpu

EXAMPLES = """\
examples:
  4090 or H100: what can each do, and according to whom?
    costmeter gpus "RTX 4090"
    costmeter gpus "H100 SXM"
  all of them, a selection, and with your own added
    costmeter gpus
    costmeter gpus --vendor amd --memory-at-least 24
    COSTMETER_CATALOGUE=mine.toml costmeter gpus

mine.toml corrects or adds GPUs and prices:
  [[card]]
  name = "RTX 4090"
  memory_gib = 23.55

  [[price]]
  gpu = "RTX 4090"
  provider = "our rack"
  usd_per_gpu_hour = 0.21
  as_of = "2026-11"
"""


@dataclass(frozen=True, slots=True)
class GpusFlags:
    """The command line."""

    name: str | None
    vendor: str | None
    memory_at_least: Fraction | None
    """In GB as on the nameplate."""
    with_price: bool
    format: Format


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "gpus",
        usage="costmeter gpus [NAME] [--vendor nvidia|amd|intel] [--memory-at-least GB] [--with-price] "
        "[--format text|json|csv|markdown]",
        description="List the GPUs of the catalogue; with a name, every fact about that GPU and where it was read.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("name", nargs="?", help='one GPU: "RTX 4090", "H100 SXM", "NVIDIA A100-SXM4-80GB"')
    parser.add_argument("--vendor", choices=("nvidia", "amd", "intel"), help="only this vendor's")
    parser.add_argument(
        "--memory-at-least",
        type=money_or_zero,
        metavar="GB",
        help="only those with at least this much memory by their nameplate: 24 includes the RTX 4090",
    )
    parser.add_argument("--with-price", action="store_true", help="only those with a default rental price")
    add_format_flag(parser)


def run(args: argparse.Namespace, today: date | None = None) -> int:
    """Print the GPUs; BadInputError for an unknown name."""
    return _answered(typed(GpusFlags, args), today or datetime.now(UTC).date())


def _answered(flags: GpusFlags, today: date) -> int:
    catalogue = load_catalogue()
    gpus = catalogue.gpus if flags.name is None else (parse_gpu(flags.name)[0],)
    prices = {gpu.name: catalogue.default_price(gpu) for gpu in gpus}
    gpus = tuple(gpu for gpu in gpus if _is_wanted(gpu, prices[gpu.name], flags))
    if not gpus:
        raise BadInputError("no GPU matches all filters: remove one")
    if flags.format in ("json", "csv"):
        text = gpu_listing.listing_json(gpus, prices, today)
        text = csv_text(text) if flags.format == "csv" else text
    elif flags.name is not None:
        is_markdown = flags.format == "markdown"
        text = gpu_listing.facts_text(gpus[0], prices[gpus[0].name], today, markdown=is_markdown)
    elif flags.format == "markdown":
        text = gpu_listing.listing_markdown(gpus, prices, today)
    else:
        text = gpu_listing.listing_text(gpus, prices, today)
    print(text, end="")
    return 0


def _is_wanted(gpu: GpuSpec, price: RentalQuote | None, flags: GpusFlags) -> bool:
    return (
        flags.vendor in (None, gpu.vendor)
        and _memory_gb(gpu) >= (flags.memory_at_least or 0)
        and (price is not None or not flags.with_price)
    )


def _memory_gb(gpu: GpuSpec) -> float:
    """The nameplate, which people know; CUDA shows some percent less."""
    return gpu.nominal_gb if gpu.nominal_gb is not None else (gpu.memory_bytes or 0) / GIB
