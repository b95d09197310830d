"""`costmeter rules --engine`: an engine's own metrics and a price."""

from __future__ import annotations

import argparse
import re
from typing import Any

from vllm_costmeter.cli.economics.price_flags import money
from vllm_costmeter.core.engines.engine import Engine
from vllm_costmeter.core.engines.known import BY_KEY
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.outputs.rules.engine import EnginePrice

NEEDED = ("gpu_hourly_usd", "gpus", "price_by_label", "model_name")


def add_engine_flags(parser: Any) -> None:
    """Declare them."""
    group = parser.add_argument_group("instead, rules for servers that no costmeter meters")
    group.add_argument(
        "--engine", choices=tuple(BY_KEY), help="derive $/M from this engine's own metrics and a price"
    )
    group.add_argument("--gpu-hourly-usd", type=money, metavar="USD", help="price of one GPU per hour")
    group.add_argument("--gpus", type=_count, metavar="N", help="GPUs of each server (default: 1)")
    group.add_argument(
        "--price-by-label",
        type=_by_label,
        metavar="LABEL=VALUE:USD,...",
        help="price of one GPU per hour by a label that your scrape configuration sets, such as gpu=H100:2.95,L4:0.7; "
        "--gpu-hourly-usd is for all others",
    )
    group.add_argument(
        "--model-name", metavar="NAME", help="for an engine whose metrics do not name the model"
    )


def engine_from(args: argparse.Namespace) -> tuple[Engine, EnginePrice, str | None] | None:
    """Engine, price and model name; None without --engine. BadInputError for flags that do not belong together."""
    if args.engine is None:
        for name in NEEDED:
            if getattr(args, name) is not None:
                raise BadInputError(f"--{name.replace('_', '-')} needs --engine {'|'.join(BY_KEY)}")
        return None
    engine = BY_KEY[args.engine]
    if args.gpu_hourly_usd is None and args.price_by_label is None:
        raise BadInputError(
            "--engine needs a price: --gpu-hourly-usd 3.84, or --price-by-label gpu=H100:2.95,L4:0.7"
        )
    if args.model_name is not None and engine.model_label is not None:
        raise BadInputError(f"--model-name is for engines that do not name the model; {engine.title} does")
    label, prices = args.price_by_label or ("", ())
    usd = None if args.gpu_hourly_usd is None else float(args.gpu_hourly_usd)
    return engine, EnginePrice(usd, args.gpus or 1, label, prices), args.model_name


def _by_label(text: str) -> tuple[str, tuple[tuple[str, float], ...]]:
    label, equals, rest = text.partition("=")
    prices = [each.rpartition(":") for each in rest.split(",")]
    if (
        not equals
        or not re.fullmatch(r"[a-zA-Z_]\w*", label)
        or not all(value and usd for value, _, usd in prices)
    ):
        raise argparse.ArgumentTypeError(f"must be like gpu=H100:2.95,L4:0.7, got {text!r:.60}")
    values = [value for value, _, _ in prices]
    if len(set(values)) < len(values):
        raise argparse.ArgumentTypeError(f"must have one price for each value, got {text!r:.60}")
    return label, tuple((value, float(money(usd))) for value, _, usd in prices)


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,4}", text):
        raise argparse.ArgumentTypeError(f"must be a whole number of GPUs from 1, got {text!r:.40}")
    return int(text)
