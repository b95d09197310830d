"""The flags for the output format and currency."""

from __future__ import annotations

import argparse

from vllm_costmeter.cli.economics.price_flags import money
from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.pricing.currency import Currency, currency
from vllm_costmeter.outputs.economics.answer import FORMATS, Format


@dataclass(frozen=True, slots=True)
class AnswerFlags:
    """Output format and currency."""

    format: Format
    currency: Currency


def add_format_flag(parser: argparse._ActionsContainer) -> None:
    """Declare --format."""
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")


def add_answer_flags(parser: argparse.ArgumentParser) -> None:
    """Declare --format, --currency and --usd-per-unit."""
    group = parser.add_argument_group("answer")
    add_format_flag(group)
    group.add_argument(
        "--currency",
        metavar="CODE",
        help="show amounts in another currency, such as EUR; needs --usd-per-unit",
    )
    group.add_argument(
        "--usd-per-unit", type=money, metavar="RATE", help="dollars per unit of that currency, such as 1.08"
    )


def answer_flags(args: argparse.Namespace) -> AnswerFlags:
    """Output format and currency. BadInputError for a currency without an exchange rate."""
    return AnswerFlags(args.format, currency(args.currency, args.usd_per_unit))
